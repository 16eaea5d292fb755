// The restart check: a backlog nobody consumed yet, a message somebody holds, and a producer and two consumers at
// work while the daemon goes away and comes back. The backlog must arrive exactly once, the held message again with
// attempts 2, and every live publish that was answered at least once: its FIN may have been lost with the connection.
package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/nsqio/go-nsq"
)

const publishedEachSide = 500 // before the restart, and after it

func checkRestart(producer *nsq.Producer) (string, error) {
	const backlogTopic, liveTopic = "go-restart-backlog", "go-restart-live"
	backlog, err := publishBacklog(producer, backlogTopic)
	if err != nil {
		return "", err
	}
	heldMessages, firstDelivery, err := publishOne(producer, "go-restart-held", 0)
	if err != nil {
		return "", err
	}
	if err := createChannel(liveTopic); err != nil {
		return "", err
	}
	messages := make(chan *nsq.Message, 100_000)
	for i := 0; i < 2; i++ {
		consumer, err := subscribe(liveTopic, 20, 0, messages)
		if err != nil {
			return "", err
		}
		defer consumer.Stop()
	}
	consumption := &consumption{seen: map[string]bool{}}
	go consumption.run(messages)
	published, refused, err := publishAcrossRestart(producer, liveTopic)
	if err != nil {
		return "", err
	}
	if refused == 0 {
		return "", fmt.Errorf("no publish failed: the daemon was never away")
	}
	if err := consumption.complete(published); err != nil {
		return "", err
	}
	if _, err := awaitEmpty(liveTopic); err != nil {
		return "", fmt.Errorf("live topic: %w", err)
	}

	firstDelivery.Finish() // goes nowhere, but go-nsq connects again only when nothing of the lost connection is unanswered
	held, err := receive(heldMessages, patience)
	if err != nil {
		return "", fmt.Errorf("message held over the restart: %w", err)
	}
	if held.Attempts != 2 {
		return "", fmt.Errorf("the message held over the restart came with attempts %d", held.Attempts)
	}
	held.Finish()
	backlogMessages := make(chan *nsq.Message, len(backlog))
	consumer, err := subscribe(backlogTopic, 20, 0, backlogMessages)
	if err != nil {
		return "", err
	}
	defer consumer.Stop()
	if err := consumeExactly(backlogMessages, backlog); err != nil {
		return "", fmt.Errorf("backlog: %w", err)
	}
	_, repeated := consumption.counts()
	return fmt.Sprintf("%d live (%d refused, %d delivered again), 1 held, %d of a backlog",
		published, refused, repeated, len(backlog)), nil
}

func publishBacklog(producer *nsq.Producer, topic string) (map[string]bool, error) {
	if err := createChannel(topic); err != nil {
		return nil, err
	}
	bodies := map[string]bool{}
	var batch [][]byte
	for i := 0; i < publishedEachSide; i++ {
		body := fmt.Sprintf("backlog %d", i)
		bodies[body] = true
		batch = append(batch, []byte(body))
	}
	return bodies, producer.MultiPublish(topic, batch)
}

// publishAcrossRestart publishes "live 0", "live 1" ... one by one and repeats what was not answered OK.
func publishAcrossRestart(producer *nsq.Producer, topic string) (published int, refused int, err error) {
	restarted := make(chan error, 1)
	isUp, last := false, 2*publishedEachSide
	for published = 0; !isUp || published < last; published++ {
		if published == publishedEachSide {
			go func() { restarted <- requestRestart() }()
		}
		for producer.Publish(topic, []byte(fmt.Sprintf("live %d", published))) != nil {
			refused++
			time.Sleep(20 * time.Millisecond)
		}
		if published >= publishedEachSide && !isUp {
			time.Sleep(time.Millisecond) // keeps publishing while the daemon stops, without a flood
			select {
			case err := <-restarted:
				if err != nil {
					return published, refused, err
				}
				isUp, last = true, published+publishedEachSide
			default:
			}
		}
	}
	return published, refused, nil
}

// consumption finishes whatever comes, in the background, and remembers which bodies came.
type consumption struct {
	mutex    sync.Mutex
	seen     map[string]bool
	repeated int
}

func (c *consumption) run(messages chan *nsq.Message) {
	for message := range messages {
		c.mutex.Lock()
		if c.seen[string(message.Body)] {
			c.repeated++
		}
		c.seen[string(message.Body)] = true
		c.mutex.Unlock()
		message.Finish()
	}
}

func (c *consumption) counts() (different int, repeated int) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return len(c.seen), c.repeated
}

// complete waits until count different bodies have come.
func (c *consumption) complete(count int) error {
	deadline := time.Now().Add(patience)
	for {
		different, _ := c.counts()
		if different >= count {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d of %d messages of the live topic", different, count)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
