package find

import (
	"encoding/base64"
	"strings"
	"testing"
	"unicode/utf8"
)

// The keys below are made up; they are put together here so that no scanner of repositories takes them for real ones.
var (
	random36 = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
	random48 = random36 + "s9T0u1V2w3X4"
	hex32    = "0123456789abcdef0123456789abcdef"
	upper16  = "Q3EGRIYVOXAPLW5T"
	basic    = base64.StdEncoding.EncodeToString([]byte("aladdin:open sesame"))
	jwt      = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
	pemBody  = "MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy0AHB7\nWbI2dRAB0ZC0dx8+zkQFqk1\n"
	pemBegin = "-----BEGIN RSA " + "PRIVATE KEY-----"
	pemEnd   = "-----END RSA " + "PRIVATE KEY-----"
)

func TestTextSecrets(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want string }{
		// URLs
		{"url password", "dial postgres://bob:hunter2@db.example:5432/app failed", "dial postgres://bob:[Filtered]@db.example:5432/app failed"},
		{"url without user", "redis://:hunter2@cache:6379", "redis://:[Filtered]@cache:6379"},
		{"url password with at", "amqp://bob:p@ss@mq/", "amqp://bob:[Filtered]@mq/"},
		{"url password with slash", "postgres://bob:pa/ss#w@db/app", "postgres://bob:[Filtered]@db/app"},
		{"url password escaped", `parse "https://u:%2Fx@h/": bad`, `parse "https://u:[Filtered]@h/": bad`},
		{"url plain", "https://example.com:8080/a@b?x=1&y=http://z:1/", ""},
		{"url public key", "https://50870527bd92f4631d029e6881e76daf@o45.ingest.example/1", ""},
		{"url token", "git clone https://x7k2m9q4w8e1r5t3y6u0i2o4@dev.example/org/_git/repo", "git clone https://[Filtered]@dev.example/org/_git/repo"},
		{"url user", "fetch https://joanna.owner.2024.old@dev.example/org", ""},
		{"url query", "GET https://x.example/a?id=7&access_token=abcdef&page=2: EOF", "GET https://x.example/a?id=7&access_token=[Filtered]&page=2: EOF"},
		{"url query last", `"https://x.example/a?token=abc"`, `"https://x.example/a?token=[Filtered]"`},
		{"url fragment", "https://x.example/#access_token=abc&token_type=bearer", "https://x.example/#access_token=[Filtered]&token_type=bearer"},
		{"a sign before it", "password=*Sommer2024 pwd=&hunter2", "password=[Filtered] pwd=[Filtered]"},
		{"a type", "PrivateKey *ecdsa.PrivateKey, password: *string", "PrivateKey *ecdsa.PrivateKey, password: *string"},
		{"signed URL", "https://h/b/a?Expires=1709456061&Signature=Sommer2024!", "https://h/b/a?Expires=1709456061&Signature=[Filtered]"},
		{"names behind an escape", `x\nPrivateKey = hunter2\n`, `x\nPrivateKey = [Filtered]\n`},
		{"of a tab", `{"log":"a\tapi_key: hunter2"}`, `{"log":"a\tapi_key: [Filtered]"}`},
		{"in JSON in JSON", `"a\\nToken=k7GqmP2xVb9sQ\\nb"`, `"a\\nToken=[Filtered]\\nb"`},
		{"prose behind an escape", `x\nPassword for bob: hunter2\r\n`, `x\nPassword for bob: [Filtered]\r\n`},
		{"a flag behind one", `x\n--password hunter2`, `x\n--password [Filtered]`},
		{"a card behind one", `x\n4111 1111 1111 1111\n`, `x\n[Filtered]\n`},
		{"folders that look like one", `C:\name\tokens\readme.txt: Access is denied`, `C:\name\tokens\readme.txt: Access is denied`},
		{"azure signature", "https://a.blob.example/c?sv=2022&sig=ab%2Fcd%3D&se=2023", "https://a.blob.example/c?sv=2022&sig=[Filtered]&se=2023"},
		{"aws signature", "https://b.s3.example/k?X-Amz-Date=1&X-Amz-Signature=0123abc", "https://b.s3.example/k?X-Amz-Date=1&X-Amz-Signature=[Filtered]"},
		{"slack webhook", "post https://hooks.slack.com/services/T0/B0/xyz: 404", "post https://hooks.slack.com/services/[Filtered] 404"},
		{"go mysql dsn", "bob:hunter2@tcp(127.0.0.1:3306)/db", "bob:[Filtered]@tcp(127.0.0.1:3306)/db"},
		{"proxy without scheme", "proxy bob:hunter2@proxy.example:3128 refused", "proxy bob:[Filtered]@proxy.example:3128 refused"},
		{"login without scheme or port", "login bob:hunter2@db.example failed", "login bob:[Filtered]@db.example failed"},
		{"login at an address", "bob:hunter2@10.0.0.5/app", "bob:[Filtered]@10.0.0.5/app"},
		{"passwords with an at", "bob:S3cr3t9@x@db.example:3306/a bob:hunter2@y/z@tcp(127.0.0.1:3306)/db", "bob:[Filtered]@db.example:3306/a bob:[Filtered]@tcp(127.0.0.1:3306)/db"},
		{"curl", `curl -u bob:hunter2 --proxy-user "ann:p w" https://x.example/`, `curl -u [Filtered] --proxy-user "[Filtered]" https://x.example/`},
		{"curl as a list", `["/usr/bin/curl", "--user", "bob:hunter2"]: exit status 22`, `["/usr/bin/curl", "--user", "[Filtered]"]: exit status 22`},
		{"curl at the end of a line", "usage: curl -u\ntoken: abc\ncurl -u token: abc", "usage: curl -u\ntoken: [Filtered]\ncurl -u token: [Filtered]"},
		{"curl with a token", "curl -u ghp_abcdefghijklmnopqrstuvwxyz0123456789:x-oauth-basic https://h/", "curl -u [Filtered] https://h/"},
		{"a user who is asked", "curl -u bob https://x.example/", ""},
		{"curl attached", "curl -ubob:hunter2 https://x.example/", "curl -u[Filtered] https://x.example/"},
		{"psexec", `psexec \\pc7 -u bob -p hunter2 cmd /c ver`, `psexec \\pc7 -u bob -p [Filtered] cmd /c ver`},
		{"psexec with its path", `"C:\Tools\PsExec64.exe" \\pc7 -p "hun ter2" cmd`, `"C:\Tools\PsExec64.exe" \\pc7 -p "[Filtered]" cmd`},
		{"psexec as a list", `["psexec.exe", "\\\\pc7", "-p", "hunter2", "cmd"]`, `["psexec.exe", "\\\\pc7", "-p", "[Filtered]", "cmd"]`},
		{"sshpass", "sshpass -p hunter2 ssh bob@h; sshpass -phunter2 ssh h", "sshpass -p [Filtered] ssh bob@h; sshpass -p[Filtered] ssh h"},
		{"docker login", "docker login -u bob -p hunter2 r.example", "docker login -u bob -p [Filtered] r.example"},
		{"docker --config x login", "docker --config x login -p hunter2", "docker --config x login -p [Filtered]"},
		{"docker login on lines", "docker login \\\n  -u bob \\\n  -p hunter2", "docker login \\\n  -u bob \\\n  -p [Filtered]"},
		{"a command line in another", `ssh h "cd /x; mysql -uroot -phunter2" && psexec \\pc cmd /c "net user bob hunter2"`, `ssh h "cd /x; mysql -uroot -p[Filtered]" && psexec \\pc cmd /c "net user bob [Filtered]"`},
		{"flags of any program", "tool -u bob -p hunter2 host; tool -u bob -p 8080 host", "tool -u bob -p [Filtered] host; tool -u bob -p 8080 host"},
		{"passwords like flags, paths and words", `psexec \\pc -p /x9y8z7 c; net use Z: \\a\b --x1y2 /user:c; curl -u bob:a h; setx TOKEN /x1y2 /m`, `psexec \\pc -p [Filtered] c; net use Z: \\a\b [Filtered] /user:c; curl -u [Filtered] h; setx TOKEN [Filtered] /m`},
		{"logins in brackets", `get(url, auth=("bob", "hunter2"))`, `get(url, auth=("[Filtered]"))`},
		{"docker run", "docker run -p 8080:80 -P nginx", ""},
		{"mysql", "mysql -u root -phunter2 shop", "mysql -u root -p[Filtered] shop"},
		{"mysql that asks", "mysql -u root -P 3306 -p shop", ""},
		{"7z", "7z x -phunter2 a.7z -oC:/x", "7z x -p[Filtered] a.7z -oC:/x"},
		{"schtasks", "schtasks /create /tn Repair /ru bob /rp hunter2 /sc daily", "schtasks /create /tn Repair /ru bob /rp [Filtered] /sc daily"},
		{"a flag with a slash", "setup.exe /password hunter2 /quiet", "setup.exe /password [Filtered] /quiet"},
		{"a list with a slash", `["setup.exe" "/PASSWORD" "hunter2"]`, `["setup.exe" "/PASSWORD" "[Filtered]"]`},
		{"routes", "GET /token 401; POST /login/token HTTP/1.1; request to /token took 3 s; 200 /token 404", ""},
		{"other programs' ports", "ssh -p 2222 h; nc -p 80; redis-cli -p 6379; ps -p 1; mkdir -p a/b", ""},
		{"a user and group", "docker run -u 1000:1000 --user www-data:www-data x", ""},
		{"mail addresses", "mailto:bob2@example.com To:anna.b@example.com ssh:git@example.com", ""},
		{"versions", "npm:lodash4x@1.2.3 golang:1.25rc1@sha256:0a1b2c app:v1a2b3c@sha256:f", ""},
		{"url in a url", "?next=https%3A%2F%2Fbob%3Ahun%2540ter2%40db.example%2Fx&y=1", "?next=https%3A%2F%2Fbob%3A[Filtered]%40db.example%2Fx&y=1"},
		{"url in a url, no password", "?next=https%3A%2F%2Fdb.example%3A80%2Fx%40y", ""},
		{"query in a query", "?next=%2Fx%3Fuser%3Dbob%26accessToken%3Dabc%26page%3D2&y=1", "?next=%2Fx%3Fuser%3Dbob%26accessToken%3D[Filtered]%26page%3D2&y=1"},
		{"query in a query in a query", "next=%252Fx%253Ftoken%253Da%252Fb%2526y%253D1", "next=%252Fx%253Ftoken%253D[Filtered]%2526y%253D1"},
		{"form of fields", "user%5Bname%5D=bob&user%5Bpassword%5D=hunter2&x=1", "user%5Bname%5D=bob&user%5Bpassword%5D=[Filtered]&x=1"},
		{"multipart form", "Content-Disposition: form-data; name=\"password\"\r\n\r\nhun ter2\r\n--b1--", "Content-Disposition: form-data; name=\"password\"\r\n\r\n[Filtered]\r\n--b1--"},
		{"mail address", "mail to bob@example.com: 550", ""},
		{"ssh address", "git@github.com:autoservice/x.git", ""},

		// names and values
		{"equals", "PASSWORD=hunter2 ./run", "PASSWORD=[Filtered] ./run"},
		{"equals spaced", "password = hunter2", "password = [Filtered]"},
		{"export quoted", `export API_KEY="a b" && x`, `export API_KEY="[Filtered]" && x`},
		{"yaml", "user: bob\npassword: hunter2\nhost: x", "user: bob\npassword: [Filtered]\nhost: x"},
		{"yaml of several words", "user: bob b\npassword: correct horse battery\nhost: x y", "user: bob b\npassword: [Filtered]\nhost: x y"},
		{"yaml block", "a: 1\nsecret: |-\n  hunter2\n\n  hunter3\nhost: x", "a: 1\nsecret: [Filtered]\nhost: x"},
		{"yaml below", "db:\n  password:\n    hunter2\n  host: x", "db:\n  password:\n    [Filtered]\n  host: x"},
		{"yaml list", "tokens: 3\napi_keys:\r\n- hunter2\r\n- hunter3\r\nhost: x", "tokens: 3\napi_keys:\r\n[Filtered]\r\nhost: x"},
		{"yaml mapping", "credentials:\n  user: bob\n  pw: hunter2\nhost: x", "credentials:\n  [Filtered]\nhost: x"},
		{"lines below that are none of it", "no token:\n  see the manual\nsecret:\nx: 1\ntoken:\n\t/src/x.go:12", ""},
		{"ini of several words", "password = correct horse # of Friday", "password = [Filtered] # of Friday"},
		{"aligned", "Password              : hunter2\nKey Content            : hunter2", "Password              : [Filtered]\nKey Content            : [Filtered]"},
		{"names in brackets", `{"user[password]":"hunter2","ConnectionStrings:Default":"hunter2","$token":"hunter2"}`, `{"user[password]":"[Filtered]","ConnectionStrings:Default":"[Filtered]","$token":"[Filtered]"}`},
		{"json over lines", "{\n \"password\" :\n  \"hunter2\"\n}", "{\n \"password\" :\n  \"[Filtered]\"\n}"},
		{"ini with ampersand", "password=a&b,c;d", "password=[Filtered];d"},
		{"json", `{"user":"bob","password":"hun\"ter2","n":1}`, `{"user":"bob","password":"[Filtered]","n":1}`},
		{"json spaced", `{"apiKey" : "abc", "b": 2}`, `{"apiKey" : "[Filtered]", "b": 2}`},
		{"json number", `{"token": 12345, "b": 2}`, `{"token": [Filtered], "b": 2}`},
		{"json null", `{"token": null, "b": 2}`, ""},
		{"json object", `{"credentials": {"id": "x", "list": ["}"]}, "b": 2}`, `{"credentials": [Filtered], "b": 2}`},
		{"json cut off", `{"password": "hunter2 and mo`, `{"password": "[Filtered]`},
		{"json in json", `"{\"password\":\"hun\\\"ter2\",\"b\":2}"`, `"{\"password\":\"[Filtered]\",\"b\":2}"`},
		{"json of pairs", `[{"name":"password","value":"hunter2"},{"name":"x","value":"y"}]`, `[{"name":"password","value":"[Filtered]"},{"name":"x","value":"y"}]`},
		{"python dict", `{'secret': 'it is', 'b': 1}`, `{'secret': '[Filtered]', 'b': 1}`},
		{"ruby", `{:password => "hunter2"}`, `{:password => "[Filtered]"}`},
		{"go assignment", `token := "abc"`, `token := "[Filtered]"`},
		{"go map", "map[password:hunter2 user:bob]", "map[password:[Filtered] user:bob]"},
		{"go struct", "&{User:bob Password:hunter2 N:1}", "&{User:bob Password:[Filtered] N:1}"},
		{"go struct last", "{User:bob Password:hunter2}", "{User:bob Password:[Filtered]}"},
		{"go %#v", `conf{User:"bob", Password:"hunter2"}`, `conf{User:"bob", Password:"[Filtered]"}`},
		{"go %#v of lists", `{"X-Api-Key":[]string{"hunter2"}, "Accept":[]string{"x"}}`, `{"X-Api-Key":[Filtered], "Accept":[]string{"x"}}`},
		{"go %#v of a map", `x{Credentials:map[string]string{"user":"bob"}, N:1}`, `x{Credentials:[Filtered], N:1}`},
		{"go %#v of a struct", `x{Secret:&main.Pair{A:"hunter2"}, Token:[]uint8(nil), N:1}`, `x{Secret:[Filtered], Token:[Filtered], N:1}`},
		{"index", `config["password"] = "hunter2"`, `config["password"] = "[Filtered]"`},
		{"properties", "spring.datasource.password=hunter2", "spring.datasource.password=[Filtered]"},
		{"two words", "API KEY: abc123", "API KEY: [Filtered]"},
		{"xml", "<add><Password>hun ter2</Password><User>bob</User></add>", "<add><Password>[Filtered]</Password><User>bob</User></add>"},
		{"xml attribute", `<add key="password" value="hunter2" x="y"/>`, `<add key="password" value="[Filtered]" x="y"/>`},
		{"ado", "Server=db;User Id=bob;Password=hun ter2;Encrypt=yes", "Server=db;User Id=bob;Password=[Filtered];Encrypt=yes"},
		{"azure", "AccountName=x;AccountKey=ab+/cd==;EndpointSuffix=y", "AccountName=x;AccountKey=[Filtered];EndpointSuffix=y"},
		{"libpq", "host=db user=bob password='hun ter2' dbname=x", "host=db user=bob password='[Filtered]' dbname=x"},
		{"slog text", `level=INFO msg="signed in" token=abc user=bob`, `level=INFO msg="signed in" token=[Filtered] user=bob`},
		{"rejected", "password: hunter2: rejected", "password: [Filtered]: rejected"},
		{"escaped line end", `failed\npassword=hunter2`, `failed\npassword=[Filtered]`},

		// headers
		{"authorization", "Authorization: Basic " + basic + "\nHost: x", "Authorization: [Filtered]\nHost: x"},
		{"authorization bearer", `curl -H "Authorization: Bearer abc" https://x`, `curl -H "Authorization: [Filtered]" https://x`},
		{"digest", "Authorization: Digest username=\"bob\", response=\"12\"\nA: b", "Authorization: [Filtered]\nA: b"},
		{"authorization of a scheme of its own", "Authorization: Custom abc123\nHost: x", "Authorization: [Filtered]\nHost: x"},
		{"cookie", "Cookie: a=b; sid=c\nHost: x", "Cookie: [Filtered]\nHost: x"},
		{"set-cookie", "Set-Cookie: id=abc; HttpOnly", "Set-Cookie: [Filtered]"},
		{"header map", "map[Authorization:[Basic " + basic + "] Accept:[x]]", "map[Authorization:[Filtered] Accept:[x]]"},
		{"bearer", "sent bearer abc123 to x", "sent bearer [Filtered] to x"},
		{"basic", "sent Basic " + basic + " to x", "sent Basic [Filtered] to x"},

		// command lines
		{"flag", "tool --api-key abc --verbose", "tool --api-key [Filtered] --verbose"},
		{"flag one dash", "tool -password abc x", "tool -password [Filtered] x"},
		{"flag quoted", `tool --password "a b" x`, `tool --password "[Filtered]" x`},
		{"flag equals", "tool --token=abc x", "tool --token=[Filtered] x"},
		{"flag windows", `tool.exe /password:abc /x`, `tool.exe /password:[Filtered] /x`},
		{"flag in a list of lines", "--password\nhunter2-in-list\n--verbose", "--password\n[Filtered]\n--verbose"},
		{"flag in a list of windows lines", "--token\r\nk3yhunter2", "--token\r\n[Filtered]"},
		{"flag at the end of a line", "unknown flag: --password\nUsage: tool --user NAME", ""},
		{"path at the end of a line", "GET /token\n7f3a9c2e41", ""},
		{"flag json", `["tool","--password","abc","x"]`, `["tool","--password","[Filtered]","x"]`},
		{"flag go slice", "[tool --password abc]", "[tool --password [Filtered]]"},
		{"flag go quoted slice", `["tool" "--password" "abc"]`, `["tool" "--password" "[Filtered]"]`},
		{"flag then flag", "tool --password --verbose", ""},

		// formats
		{"jwt", "got " + jwt + ".", "got [Filtered]."},
		{"pem", "key:\n" + pemBegin + "\n" + pemBody + pemEnd + "\nrest", "key:\n[Filtered]\nrest"},
		{"pem cut off", "k " + pemBegin + "\n" + pemBody, "k [Filtered]"},
		{"pem end alone", "k " + pemBody + pemEnd + " rest", "k [Filtered] rest"},
		{"pem escaped", `"k":"` + pemBegin + `\n` + strings.ReplaceAll(pemBody, "\n", `\n`) + pemEnd + `\n"`, `"k":"[Filtered]\n"`},
		{"pem certificate", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", ""},
		{"aws", "id AKIA" + upper16 + " used", "id [Filtered] used"},
		{"github", "remote: ghp_" + random36 + "!", "remote: [Filtered]!"},
		{"github fine-grained", "github_pat_" + random36 + "_" + random36, "[Filtered]"},
		{"gitlab", "glpat-" + random36[:20], "[Filtered]"},
		{"slack", "xoxb-123456789012-" + random36, "[Filtered]"},
		{"stripe", "sk_live_" + random36, "[Filtered]"},
		{"google", "AIza" + random36[:35], "[Filtered]"},
		{"google oauth", "ya29." + random48, "[Filtered]"},
		{"openai", "sk-" + random48, "[Filtered]"},
		{"openai project", "key sk-proj-" + random48 + ", x", "key [Filtered], x"},
		{"anthropic", "sk-ant-api03-" + random48 + "-" + random36, "[Filtered]"},
		{"npm", "npm_" + random36, "[Filtered]"},
		{"pypi", "pypi-AgEIcHlwaS5vcmc" + random36, "[Filtered]"},
		{"sendgrid", "SG." + random36[:22] + "." + random48, "[Filtered]"},
		{"twilio", "SK" + hex32, "[Filtered]"},
		{"digitalocean", "dop_v1_" + hex32 + hex32, "[Filtered]"},
		{"vault", "hvs." + random36, "[Filtered]"},
		{"age", "AGE-SECRET-KEY-1" + strings.Repeat(upper16, 3), "[Filtered]"},
		{"telegram", "https://api.telegram.example/bot123456789:AA" + random36[:33] + "/getMe", "https://api.telegram.example/bot[Filtered]/getMe"},
		{"product key", "slmgr /ipk ABCDE-12345-FGHIJ-67890-KLMNO done", "slmgr /ipk [Filtered] done"},
		{"bitlocker", "key 123456-123456-123456-123456-123456-123456-123456-123456", "key [Filtered]"},
		{"in a url", "https://x.example/?q=ghp_" + random36, "https://x.example/?q=[Filtered]"},
		{"escaped in a url", "u%3DAKIA" + upper16, "u%3D[Filtered]"},

		{"ssh2", "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nComment: x\n" + pemBody + "---- END SSH2 ENCRYPTED PRIVATE KEY ----\nrest", "[Filtered]\nrest"},
		{"putty", "Private-Lines: 2\n" + pemBody + "Private-MAC: 0a1b\nrest", "Private-Lines: 2\n[Filtered]\nPrivate-MAC: 0a1b\nrest"},
		{"hugging face", "hf_" + strings.Repeat("aBcDeFgHi", 4), "[Filtered]"},

		// encodings, files and sentences
		{"json in a url", "/cgi?body=%7B%22user%22%3A%22bob%22%2C%22password%22%3A%22hunter2%22%7D&x=1", "/cgi?body=%7B%22user%22%3A%22bob%22%2C%22password%22%3A%22[Filtered]%22%7D&x=1"},
		{"commands in a query", "GET /x?q=net+user+bob+hunter2&y=1 /y?cmd=curl%20-u%20bob%3Ahunter2%20h#z", "GET /x?q=net+user+bob+[Filtered]&y=1 /y?cmd=curl%20-u%20[Filtered]%20h#z"},
		{"colours", "x password=\x1b[31mhunter2\x1b[0m \x1b[1mnext", "x password=[Filtered] next"},
		{"pgpass", "db1:5432:erp:bob:hunter2 *:*:*:bob:hunter2 a.go:5432:12:30:45 x.log:12:a:b:hunter2", "db1:5432:erp:bob:[Filtered] *:*:*:bob:[Filtered] a.go:5432:12:30:45 x.log:12:a:b:hunter2"},
		{"pap-secrets", "\"bob\" * \"hunter2\" *\nbob\t*\thunter2\t*\n * \"git am -3\" * x2y3z4\nconst char * utf8str", "\"bob\" * \"[Filtered]\" *\nbob\t*\t[Filtered]\t*\n * \"git am -3\" * x2y3z4\nconst char * utf8str"},
		{"oracle", "jdbc:oracle:thin:bob/hunter2@//db:1521/xe https://h/bob/a1b2c3@x:80", "jdbc:oracle:thin:bob/[Filtered]@//db:1521/xe https://h/bob/a1b2c3@x:80"},
		{"crypt", "bob:$6$rounds=5000$salt$a1B2c3D4e5F6g7H8/x:19000: cost $1$2", "bob:[Filtered]:19000: cost $1$2"},
		{"logins without a name", "user: bob hunter2\nLogin: bob hunter2\nuser: bob server01 is up", "user: bob [Filtered]\nLogin: bob [Filtered]\nuser: bob server01 is up"},
		{"key of a network", "SSID: Office Key: hunter2\ncache key: hunter2", "SSID: Office Key: [Filtered]\ncache key: hunter2"},
		{"echoes", "{ echo hunter2; echo -n 'hunter2'; } | smbpasswd -s; printf '%s\\n' hunter2 | sudo -S x; echo hunter2 | wc", "{ echo [Filtered]; echo -n '[Filtered]'; } | smbpasswd -s; printf '%s\\n' [Filtered] | sudo -S x; echo hunter2 | wc"},
		{"quotes of others", "mot de passe « hunter2 » refusé; Пароль «hunter2» неверен", "mot de passe « [Filtered] » refusé; Пароль [Filtered] неверен"},
		{"rdp", "password 51:b:01000000D08C9D", "password [Filtered]"},
		{"logins of a mail server", "a001 LOGIN bob@h.example hunter2; a1 LOGIN \"bob\" \"hunter2\"", "a001 LOGIN bob@h.example [Filtered]; a1 LOGIN \"bob\" \"[Filtered]\""},
		{"one of two names", "PIN/Passwort des Kunden lautet \"hunter2\"", "PIN/Passwort des Kunden lautet \"[Filtered]\""},
		{"substitutions", "useradd -m -p $(openssl passwd -6 hunter2) bob", "useradd -m -p $(openssl passwd -6 [Filtered]) bob"},

		// innocent
		{"types and verbs", `func(username string, password string) (*http.Request, error); PrivateKey, *dsa.PrivateKey; run(pass *analysis.Pass); "private key: %v"; COOKIE = 0x1015; Token: "#d8dee9"`, ""},
		{"prose of flags and files", "Using --password via the CLI is insecure; Wrong password : daten.docx; PSK to AP5GHz rejected; Master password revision code = 65534", ""},
		{"prose", "token: unexpected end of input", ""},
		{"prose auth", "auth: connection refused by peer", ""},
		{"prose password", "invalid password: must be at least 8 characters", ""},
		{"prose permission", "open secret: permission denied", ""},
		{"prose bearer", "a bearer token is missing", ""},
		{"prose basic", "Basic authentication required", ""},
		{"challenge", `WWW-Authenticate: Bearer realm="x"`, ""},
		{"prose of flags", "flag needs an argument: --password\n--token must be set, or --api-key is wrong; see --password to set it", ""},
		{"prose of paths", `stat /etc/passwd: no such file; open /run/token: device busy; exec: "passwd": executable file not found`, ""},
		{"prose of operations", `secret: open /x: denied; token: Get "https://x/": EOF; password: open C:\x: denied`, ""},
		{"prose of statuses", "oauth2: cannot fetch token: 401 Unauthorized\noauth2: \"invalid_grant\" \"expired\"", ""},
		{"prose of MySQL", "Access denied for user 'bob' (using password: YES)", ""},
		{"file and line", "token.go:17: password_test.go:3:2: undefined", ""},
		{"go test", "PASS: 12, FAIL: 3; --- PASS: TestX (0.00s)", ""},
		{"counts", "token_count=12 max_tokens: 100 tokens=3 author=bob sort_key: name", ""},
		{"prose of names", "object identified by name; group identified either by id; exit identified by Coverity", ""},
		{"prose of verbs", "pass nbytes to _gcry_sha1_hash_buffers; failed to pass the length to sha1_name", ""},
		{"kinds and names", "secret/my-secret1 created; Error: token/bootstrap1 not found", ""},
		{"a helper", "git config credential.helper cache", ""},
		{"a long path and a long value", "PWD=/a/" + strings.Repeat("b", 500) + " PWD=/a/" + strings.Repeat("c", 2000), "PWD=/a/" + strings.Repeat("b", 500) + " PWD=[Filtered]"},
		{"statements", "alter user bob identified by hunter2; ALTER USER bob IDENTIFIED BY swordfish", "alter user bob identified by [Filtered]; ALTER USER bob IDENTIFIED BY [Filtered]"},
		{"a path and a sum", "/etc/pam.d/passwd eaf2ad85b5ccd06cceb19a3e75f40c63", ""},
		{"a value and an assignment", "password hunter2, n *uint16) = lib32.Call", "password [Filtered], n *uint16) = lib32.Call"},
		{"task id", "task-sk-1 desk-ski-lift sk-learn-something-else-entirely", ""},
		{"uuid", "id 123e4567-e89b-12d3-a456-426614174000 at 12:30:45", ""},
		{"module", "github.com/getsentry/sentry-go@v0.50.0/client.go:12 +0x1a", ""},
		{"host and port", "lookup token-service.example:443: no such host; http://auth:8080/", ""},
		{"none", "password=\ntoken: none secret:nil", ""},
		{"has", "hasPassword=true has_token: yes", ""},
		{"filtered", "password=[Filtered] token: [Filtered]", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			want := c.want
			if want == "" {
				want = c.in
			}
			s := New(Config{PII: true})
			got := s.Text(c.in)
			if got != want {
				t.Errorf("Text(%q)\n got %q\nwant %q", c.in, got, want)
			}
			if again := s.Text(got); again != got {
				t.Errorf("Text(%q) = %q, not the same again", got, again)
			}
			for name, around := range map[string][2]string{
				"lines": {"first line\n", "\nlast line"}, "space": {"so: ", " and"},
			} {
				if c.name == "pem cut off" || c.name == "json cut off" || c.name == "set-cookie" {
					break
				}
				if got := s.Text(around[0] + c.in + around[1]); got != around[0]+want+around[1] && name == "lines" {
					t.Errorf("in %s: got %q", name, got)
				}
			}
		})
	}
}

func TestTextAllocatesNothing(t *testing.T) {
	s := New(Config{Homes: []string{"/home/anyone"}, Users: []string{"anyone"}, Hosts: []string{"box-1"}})
	text := typicalText(2000)
	if n := testing.AllocsPerRun(20, func() { s.Text(text) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// typicalText is n bytes of what errors and logs are made of, without secrets.
func typicalText(n int) string {
	const part = "open /var/lib/app/data.db: permission denied (os error 5) " +
		"at main.(*worker).run /src/app/worker.go:123 +0x1f\n" +
		"level=INFO msg=\"task done\" duration=1.5s count=17 path=C:\\Program Files\\App\\tool.exe url=https://api.example.com/v1/items?page=2\n" +
		"The quick brown fox jumps over the lazy dog, and the server answered with status 503 after 3 attempts.\n"
	return strings.Repeat(part, n/len(part)+1)[:n]
}

func FuzzText(f *testing.F) {
	for _, seed := range []string{"", "password=x", jwt, pemBegin + "\n" + pemBody, `{"token":"x"}`, "/home/anyone/x", `C:\Users\Any One\x`, "http://a:b@c", "é=ü", "[host][user]", `\\\"password\\\":\\\"`, "a=b&token=", "--token x", "curl -u a:b -U 'c:d'", "bob:x1@n@e:80/@tcp(", `psexec \\pc -p "x y"`, "7z -px docker login -p x", "x /password x"} {
		f.Add(seed, seed)
	}
	f.Add(`"pAss":`, `\\\"pcssword\\\":\\\"`)         // a name at the end of a line has no name for its value
	f.Add("-token", "--token x")                      // nor has a flag
	f.Add("0", strings.Repeat("\xbf", 2*maxLookBack)) // a long word without a beginning of a character
	f.Add(`A"pAss":\\\"`, `"`)                        // a quote that fewer escapes close
	f.Add(`7Z "00 0 0 `, `7Z 0 "000`)                 // quotes of two command lines
	scrubbers := []*Finder{New(Config{PII: true}), New(Config{Homes: []string{"/home/anyone", `C:\Users\Any One`}, Users: []string{"anyone", "José"}, Hosts: []string{"box-1.corp.example", "host"}, Dirs: []string{"/srv/work/app"}})}
	const planted = "Pl4ntedS3cretValue0"
	f.Fuzz(func(t *testing.T, before, after string) {
		for _, s := range scrubbers {
			in := before + "\n" + after
			got := s.Text(in)
			if utf8.ValidString(in) && !utf8.ValidString(got) {
				t.Errorf("Text(%q) = %q, invalid UTF-8", in, got)
			}
			for _, form := range []string{"password=" + planted, `"apiKey": "` + planted + `"`, "token: " + planted, "http://u:" + planted + "@h/", "--secret " + planted, "Bearer " + planted, "ghp_" + planted, "Authorization: Basic " + planted, "curl -s -u bob:" + planted + " https://h/", "sshpass -p" + planted + " ssh h", "schtasks /rp " + planted + " /f"} {
				if got := s.Text(before + "\n" + form + "\n" + after); strings.Contains(got, planted) &&
					!strings.Contains(before+after, planted) {
					t.Errorf("%q survives between %q and %q: %q", form, before, after, got)
				}
			}
			if s.personal != nil {
				for _, form := range []string{"/home/anyone/x", "anyone", "ANYONE", "box-1", `C:\Users\Any One\x`, "/srv/work/app/x"} {
					out := strings.ToLower(s.Text(before + "\n" + form + "\n" + after))
					rest := strings.ToLower(before + after)
					for _, word := range []string{"anyone", "box-1", "any one", "srv/work"} {
						if strings.Contains(out, word) && !strings.Contains(rest, word) {
							t.Errorf("%q: %q survives between %q and %q: %q", form, word, before, after, out)
						}
					}
				}
			}
		}
	})
}

func BenchmarkText(b *testing.B) {
	for _, c := range []struct {
		name string
		s    *Finder
	}{
		{"secrets", New(Config{PII: true})},
		{"personal", New(Config{Homes: []string{"/home/anyone"}, Users: []string{"anyone"}, Hosts: []string{"box-1.corp.example"}, Dirs: []string{"/srv/work/app"}})},
	} {
		for _, size := range []struct {
			name  string
			bytes int
		}{{"100B", 100}, {"10KB", 10_000}} {
			text := typicalText(size.bytes)
			b.Run(c.name+"/"+size.name, func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				b.ReportAllocs()
				for b.Loop() {
					c.s.Text(text)
				}
			})
		}
	}
}

// TestTextTwice: what was put in place of a secret is known again, whatever stands around it.
func TestTextTwice(t *testing.T) {
	t.Parallel()
	f := New(linearOwner)
	for _, list := range []string{"secrets", "ordinary", "later/secrets", "later/ordinary"} {
		for _, line := range corpus(t, "testdata", list) {
			once := f.Text(strings.ReplaceAll(line, "PW", "Sommer2024!"))
			if twice := f.Text(once); twice != once {
				t.Errorf("%q becomes %q", once, twice)
			}
		}
	}
	if got := f.Text("echo [Filtered]|sudo -S x"); got != "echo [Filtered]|sudo -S x" {
		t.Errorf("got %q", got)
	}
}
