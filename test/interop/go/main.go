// The go-nsq client program; with the argument "discover" it is a consumer only (discover.go), with "auth"
// it makes the checks of auth.go. What it prints and what
// it may ask for is described in ../suite.mjs, the list of checks in ../checks.mjs. Each check uses a topic of its own
// with one channel, created over HTTP before anything is published.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/nsqio/go-nsq"
)

const channel = "interop"

// How long a check waits for something that must happen. Stock nsqd may fire timers up to 5 s late on a young channel.
const patience = 12 * time.Second

var (
	tcpAddress  = os.Getenv("NSQD_TCP")
	httpAddress = os.Getenv("NSQD_HTTP")
	stdin       = bufio.NewReader(os.Stdin)
	quietLog    = log.New(io.Discard, "", 0)
)

type namedCheck struct {
	name string
	run  func(*nsq.Producer) (string, error)
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "discover" {
		discover()
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "auth" {
		authorize()
		return
	}
	producer, err := nsq.NewProducer(tcpAddress, nsq.NewConfig())
	if err != nil {
		log.Fatal(err)
	}
	producer.SetLogger(quietLog, nsq.LogLevelError)

	checks := []namedCheck{
		{"publish", checkPublish},
		{"publish-batch", checkPublishBatch},
		{"publish-deferred", checkPublishDeferred},
		{"consume", checkConsume},
		{"finish", checkFinish},
		{"requeue", checkRequeue},
		{"touch", checkTouch},
		{"timeout", checkTimeout},
		{"pause", checkPause},
	}
	for _, check := range layerChecks {
		check := check
		run := func(*nsq.Producer) (string, error) { return checkLayers(check.name, check.layers) }
		checks = append(checks, namedCheck{check.name, run})
	}
	checks = append(checks, namedCheck{"restart", checkRestart})
	for _, check := range checks {
		detail, err := check.run(producer)
		if err != nil {
			detail = err.Error()
		}
		printLine(map[string]interface{}{"check": check.name, "ok": err == nil, "detail": detail})
	}
	producer.Stop()
}

func printLine(value interface{}) {
	line, _ := json.Marshal(value)
	fmt.Println(string(line))
}

// requestRestart returns when the daemon answers again.
func requestRestart() error {
	printLine(map[string]string{"do": "restart"})
	_, err := stdin.ReadString('\n')
	return err
}

func post(path string) error {
	response, err := http.Post("http://"+httpAddress+path, "text/plain", nil)
	if err != nil {
		return err
	}
	response.Body.Close()
	if response.StatusCode != 200 {
		return fmt.Errorf("POST %s answered %s", path, response.Status)
	}
	return nil
}

func createChannel(topic string) error {
	if err := post("/topic/create?topic=" + topic); err != nil {
		return err
	}
	return post("/channel/create?topic=" + topic + "&channel=" + channel)
}

type channelStats struct {
	Depth    int `json:"depth"`
	InFlight int `json:"in_flight_count"`
	Deferred int `json:"deferred_count"`
	Requeued int `json:"requeue_count"`
	TimedOut int `json:"timeout_count"`
}

func statsOf(topic string) (channelStats, error) {
	var stats struct {
		Topics []struct {
			Channels []channelStats `json:"channels"`
		} `json:"topics"`
	}
	response, err := http.Get("http://" + httpAddress + "/stats?format=json&topic=" + topic)
	if err != nil {
		return channelStats{}, err
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&stats); err != nil {
		return channelStats{}, err
	}
	if len(stats.Topics) != 1 || len(stats.Topics[0].Channels) != 1 {
		return channelStats{}, fmt.Errorf("stats show no single channel for %s", topic)
	}
	return stats.Topics[0].Channels[0], nil
}

// awaitEmpty waits until the channel holds nothing any more: not queued, not in flight, not deferred.
func awaitEmpty(topic string) (channelStats, error) {
	deadline := time.Now().Add(patience)
	for {
		stats, err := statsOf(topic)
		if err != nil {
			return stats, err
		}
		if stats.Depth == 0 && stats.InFlight == 0 && stats.Deferred == 0 {
			return stats, nil
		}
		if time.Now().After(deadline) {
			return stats, fmt.Errorf("the channel is not empty: %+v", stats)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// consumer hands every message to a Go channel; whoever receives it answers it.
type consumer struct {
	*nsq.Consumer
	messages chan *nsq.Message
}

func (c *consumer) HandleMessage(message *nsq.Message) error {
	message.DisableAutoResponse()
	c.messages <- message
	return nil
}

func subscribe(topic string, maxInFlight int, msgTimeout time.Duration, messages chan *nsq.Message) (*consumer, error) {
	config := nsq.NewConfig()
	config.MaxInFlight = maxInFlight
	config.MaxAttempts = 0
	config.MaxBackoffDuration = 0
	config.LookupdPollInterval = 200 * time.Millisecond // the pause between attempts to reconnect
	config.MsgTimeout = msgTimeout
	return subscribeWith(config, topic, messages)
}

func subscribeWith(config *nsq.Config, topic string, messages chan *nsq.Message) (*consumer, error) {
	inner, err := nsq.NewConsumer(topic, channel, config)
	if err != nil {
		return nil, err
	}
	inner.SetLogger(quietLog, nsq.LogLevelError)
	c := &consumer{inner, messages}
	inner.AddHandler(c)
	return c, inner.ConnectToNSQD(tcpAddress)
}

// receive returns the next message, or an error when none comes within the time.
func receive(messages chan *nsq.Message, limit time.Duration) (*nsq.Message, error) {
	select {
	case message := <-messages:
		return message, nil
	case <-time.After(limit):
		return nil, fmt.Errorf("no message within %s", limit)
	}
}

// expectNone fails when a message comes within the time.
func expectNone(messages chan *nsq.Message, limit time.Duration) error {
	message, err := receive(messages, limit)
	if err == nil {
		return fmt.Errorf("unexpected message %q, attempts %d", message.Body, message.Attempts)
	}
	return nil
}

// consumeExactly finishes messages until the expected bodies are complete; each must come once, at its first attempt.
func consumeExactly(messages chan *nsq.Message, expected map[string]bool) error {
	seen := make(map[string]bool, len(expected))
	for len(seen) < len(expected) {
		message, err := receive(messages, patience)
		if err != nil {
			return fmt.Errorf("%d of %d messages, then %w", len(seen), len(expected), err)
		}
		body := string(message.Body)
		switch {
		case !expected[body]:
			return fmt.Errorf("a body nobody published: %q", body)
		case seen[body]:
			return fmt.Errorf("%q came twice", body)
		case message.Attempts != 1:
			return fmt.Errorf("%q came with attempts %d", body, message.Attempts)
		}
		seen[body] = true
		message.Finish()
	}
	return expectNone(messages, 300*time.Millisecond)
}
