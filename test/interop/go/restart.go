// The restart check: a backlog nobody consumed yet, and a producer and two consumers at work while the daemon goes away and
// comes back. Every publish that was answered must arrive; what was in flight may arrive twice.
package main

import (
	"fmt"
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
	published, refused, err := publishAcrossRestart(producer, liveTopic)
	if err != nil {
		return "", err
	}
	if refused == 0 {
		return "", fmt.Errorf("no publish failed: the daemon was never away")
	}
	repeated, err := consumeAtLeastOnce(messages, published)
	if err != nil {
		return "", fmt.Errorf("live topic: %w", err)
	}

	backlogMessages := make(chan *nsq.Message, len(backlog))
	consumer, err := subscribe(backlogTopic, 20, 0, backlogMessages)
	if err != nil {
		return "", err
	}
	defer consumer.Stop()
	if err := consumeExactly(backlogMessages, backlog); err != nil {
		return "", fmt.Errorf("backlog: %w", err)
	}
	return fmt.Sprintf("%d live (%d refused and repeated, %d delivered again), %d of a backlog",
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

// consumeAtLeastOnce finishes messages until "live 0" to "live count-1" are complete; returns how many came again.
func consumeAtLeastOnce(messages chan *nsq.Message, count int) (repeated int, err error) {
	seen := make(map[string]bool, count)
	for len(seen) < count {
		message, err := receive(messages, patience)
		if err != nil {
			return repeated, fmt.Errorf("%d of %d messages, then %w", len(seen), count, err)
		}
		if seen[string(message.Body)] {
			repeated++
		}
		seen[string(message.Body)] = true
		message.Finish()
	}
	return repeated, nil
}
