package sentryasynq_test

func runWorkerProcess(string) {}
