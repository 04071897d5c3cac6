package sentryconfig_test

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentrytest"
)

// To see what would be sent, report to a server of sentrytest instead of Sentry. Raw is the event's JSON as it arrived.
func Example_whatIsSent() {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	client, err := sentryconfig.New(sentryconfig.Options{DSN: server.DSN()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close(10 * time.Second)

	data := map[string]any{"share": `\\fs01\backup`, "password": "hunter2"}
	client.CaptureTaskFailure(context.Background(), "backup", `net use Z: \\fs01\backup hunter2 /user:bob failed`, data,
		nil)
	client.Flush(10 * time.Second)

	event := server.Events()[0]
	fmt.Println(event.Message)
	fmt.Println(event.Contexts["task"]["data"])
	fmt.Println(json.Valid(event.Raw), len(event.Raw) > 500)
	// Output:
	// backup: net use Z: \\fs01\backup [Filtered] /user:bob failed
	// map[password:[Filtered] share:\\fs01\backup]
	// true true
}
