package find

import (
	"strings"
	"testing"
)

func TestSecretName(t *testing.T) {
	t.Parallel()
	secret := strings.Fields(`
		password Password PASSWORD pAssWord passwd PASSWD pwd userPwd passphrase pass db_pass DB_PASS dbPassword
		DB_PASSWORD dbpassword password2 new-password old_password userPasswordHash password_hash passwordHash
		passwordhash passwordSalt confirmPassword user.password secret SECRET clientSecret client_secret client-secret
		CLIENTSECRET secrets app_secret aws_secret_access_key AWSSecretAccessKey secretkey SecretKeys token Token
		accessToken access_token ACCESS-TOKEN accesstoken refreshToken id_token idToken githubToken GITHUB_TOKEN
		x-auth-token usertoken access_tokens csrfToken api_key apikey apiKey APIKey APIKEY api-key X-API-Key x-api-key
		openai_api_key apiKeys API_KEYS key_api_key accessKey access_key_id AccessKeyID auth Auth authorization
		Authorization AUTHORIZATION proxy-authorization Proxy_Authorization basicAuth oauth auth_code
		http.request.header.authorization cookie Cookie cookies Set-Cookie set_cookie setCookie session sessionid
		session_id sessionId SESSIONID JSESSIONID PHPSESSID sid session.id csrf csrf_token X-CSRF-Token xsrfToken
		X-XSRF-TOKEN private_key privateKey PRIVATE-KEY ssh_private_key rsaPrivateKey signing_key encryptionKey
		credential credentials Credentials db_credentials AWSCredentials creds dsn DSN sentry_dsn SENTRY_DSN sentryDsn
		pgdsn connection_string connectionString ConnectionString ConnectionStrings connectionstring connStr conn_str
		product_key productKey recoveryKey licenseKey AccountKey SharedAccessKey jwt bearer otp passwort contraseña
		CONTRASEÑA passwords PASSWORDS secret_value token_value tokenSecret password_reset_token`)
	secret = append(secret, "API KEY", "connection string", "Connection Strings", "my password", "PIN Code password",
		"über-token", "secret name password")
	innocent := strings.Fields(`
		token_count tokenCount TokenCount tokens max_tokens maxTokens tokens_used total_tokens prompt_tokens
		completion_tokens tokens_per_second author Author authority authors monkey sort_key sortKey keyboard key keys
		primary_key foreign_key cache_key registry_key public_key publicKey passenger compass bypass passed passing
		passes first_pass pass_count password_length passwordLength passwordlength passwordless password_policy
		password_expires_at passwordExpiresAt password_expired secretary secretariat cookie_count cookieCount
		cookie_name cookie_domain tokenizer tokenize tokenized authenticated authentication authenticator auth_type
		authType auth_method auth_status auth_url token_type tokenType token_expires_in token_limit token_usage
		is_token_valid has_password hasPassword has_api_key num_secrets max_token session_count session_timeout
		sessions session_start session_duration path name value id user username host description level message result
		count status keynote turkey donkey hockey jockey whiskey cwd dir size sideload assert asset basis
		password_min_length passwordMinLength secret_name secretName api_key_name credential_type credentials_file
		auth_failures require_auth allow_credentials passport overpass surpassed tokenization author_id coauthor
		authored authorName pin spin shipping psk_count x y _ - 2 42`)
	s := New(Config{PII: true})
	for _, name := range secret {
		if !s.SecretName(name) {
			t.Errorf("SecretName(%q) = false, want true", name)
		}
	}
	innocent = append(innocent, "", " ", "key name", "a long text about a password "+strings.Repeat("x", 200))
	for _, name := range innocent {
		if s.SecretName(name) {
			t.Errorf("SecretName(%q) = true, want false", name)
		}
	}
	t.Logf("%d secret names, %d innocent ones", len(secret), len(innocent))
}

func TestSecretNameConfigured(t *testing.T) {
	t.Parallel()
	keys := []string{"customer_no", "PIN", "Kundennummer", "very-long-name-of-five-words", "", "  "}
	s := New(Config{PII: true, SecretKeys: keys})
	for name, want := range map[string]bool{
		"customer_no": true, "CustomerNo": true, "customerno": true, "CUSTOMER-NO": true, "customer no": true, "oldCustomerNo": true, "customer_no2": true,
		"pin": true, "Pin": true, "card_pin": true, "pinCode": true, "spin": false, "pinned": false,
		"kundennummer": true, "kunden": false, "customer": false, "no": false, "password": true,
		"very_long_name_of_five_words": true, "veryLongNameOfFiveWords": true, "very_long_name": false, "": false,
	} {
		if got := s.SecretName(name); got != want {
			t.Errorf("SecretName(%q) = %v, want %v", name, got, want)
		}
	}
}

func TestSecretNameAllocatesNothing(t *testing.T) {
	s := New(Config{PII: true, SecretKeys: []string{"pin"}})
	if n := testing.AllocsPerRun(100, func() {
		s.SecretName("X-My-Very-Long-Innocent-Name")
		s.SecretName("dbPassword")
		s.SecretName("processor_frequency")
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func BenchmarkSecretName(b *testing.B) {
	s := New(Config{PII: true})
	for _, name := range []string{"message", "processor_frequency", "password", "dbPassword"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				s.SecretName(name)
			}
		})
	}
}

// What sentry-python and Relay filter by default, and what frameworks call their session cookies.
func TestNamesOfOthers(t *testing.T) {
	t.Parallel()
	secrets := New(Config{PII: true})
	for name := range strings.FieldsSeq(`
		password passwd secret api_key apikey auth credentials mysql_pwd privatekey private_key token session
		csrftoken sessionid x_csrftoken set_cookie cookie authorization proxy-authorization x_api_key aiohttp_session
		connect.sid csrf_token csrf _csrf _csrf_token PHPSESSID _session symfony user_session _xsrf XSRF-TOKEN

		 bearer passphrase access_token refresh_token client_secret id_token stripetoken mysqlpwd api-key x-auth-token

		 JSESSIONID ASP.NET_SessionId laravel_session ci_session rack.session _rails_session session_id sid
		connect.sid CFTOKEN express.sid koa.sess.sid next-auth.session-token __Host-session`) {
		if !secrets.SecretName(name) {
			t.Errorf("%s is no secret", name)
		}
	}
	personal := New(Config{})
	for name := range strings.FieldsSeq("x_forwarded_for x_real_ip ip_address remote_addr X-Forwarded-For X-Real-IP") {
		if !personal.SecretName(name) || secrets.SecretName(name) {
			t.Errorf("%s is to be filtered without personal data, and only then", name)
		}
	}
}
