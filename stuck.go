package sentryconfig

import "time"

type stuck struct{}

func (s *stuck) turn(*Client, time.Duration) time.Duration { return never }
