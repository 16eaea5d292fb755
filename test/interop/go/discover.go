package main

import (
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/nsqio/go-nsq"
)

// discover consumes NSQ_TOPIC and NSQ_CHANNEL from every nsqd that the nsqlookupds in NSQLOOKUPD_HTTP name, whenever
// they name it. It prints the body of each message on a line, then finishes it, until its standard input ends.
func discover() {
	config := nsq.NewConfig()
	config.MaxInFlight = 300
	config.MaxAttempts = 0
	config.MaxBackoffDuration = 0
	config.LookupdPollInterval = 100 * time.Millisecond
	config.RDYRedistributeInterval = 500 * time.Millisecond
	consumer, err := nsq.NewConsumer(os.Getenv("NSQ_TOPIC"), os.Getenv("NSQ_CHANNEL"), config)
	if err != nil {
		log.Fatal(err)
	}
	consumer.SetLogger(quietLog, nsq.LogLevelError)
	var output sync.Mutex
	consumer.AddConcurrentHandlers(nsq.HandlerFunc(func(message *nsq.Message) error {
		output.Lock()
		defer output.Unlock()
		fmt.Println(string(message.Body))
		return nil
	}), 10)
	if err := consumer.ConnectToNSQLookupds(strings.Split(os.Getenv("NSQLOOKUPD_HTTP"), ",")); err != nil {
		log.Fatal(err)
	}
	io.Copy(io.Discard, os.Stdin)
	consumer.Stop()
	<-consumer.StopChan
}
