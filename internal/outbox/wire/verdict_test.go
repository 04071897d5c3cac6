package wire

import "testing"

// TestJudge has what every status means that the tables name, and one of each class. docs/delivery.md says it to users.
func TestJudge(t *testing.T) {
	t.Parallel()
	for want, statuses := range map[Verdict][]int{
		Accepted: {200, 201, 202, 204},
		Refused:  {400, 406, 409, 411, 412, 413, 414, 415, 416, 417, 422, 423, 424, 426, 428, 431},
		Limited:  {429},
		Failed:   {100, 408, 500, 502, 503, 504, 507, 509, 511, 520, 599},
		Rejected: {300, 301, 302, 307, 308, 401, 402, 403, 404, 405, 407, 410, 418, 421, 425, 451},
	} {
		for _, status := range statuses {
			if got := judge(status); got != want {
				t.Errorf("%d: %s, want %s: when that is on purpose, move it here, in TestRefusedEnvelopes or "+
					"TestServerFails, and in docs/delivery.md", status, verdictNames[got], verdictNames[want])
			}
		}
	}
}

var verdictNames = [...]string{Accepted: "accepted", Refused: "refused", Limited: "limited", Failed: "failed",
	Rejected: "rejected"}
