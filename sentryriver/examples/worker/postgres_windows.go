package main

import "errors"

// startPostgres isn't for Windows, where PostgreSQL is a service.
func startPostgres() (url string, stop func(), err error) {
	return "", nil, errors.New("there is none to start on Windows")
}
