// The checks of publishing, consuming and answering. The restart check has a file of its own.
package main

import (
	"bytes"
	"fmt"
	"math/rand"
	"time"

	"github.com/nsqio/go-nsq"
)

func checkPublish(producer *nsq.Producer) (string, error) {
	const topic, count = "go-publish", 200
	if err := createChannel(topic); err != nil {
		return "", err
	}
	expected := map[string]bool{}
	for i := 0; i < count; i++ {
		body := fmt.Sprintf("single %d", i)
		expected[body] = true
		if err := producer.Publish(topic, []byte(body)); err != nil {
			return "", err
		}
	}
	messages := make(chan *nsq.Message, count)
	consumer, err := subscribe(topic, 10, 0, messages)
	if err != nil {
		return "", err
	}
	defer consumer.Stop()
	return fmt.Sprintf("%d messages by PUB", count), consumeExactly(messages, expected)
}

func checkPublishBatch(producer *nsq.Producer) (string, error) {
	const topic, batches, batchSize = "go-publish-batch", 10, 100
	if err := createChannel(topic); err != nil {
		return "", err
	}
	everyByte := make([]byte, 256)
	for i := range everyByte {
		everyByte[i] = byte(i)
	}
	expected := map[string]bool{}
	for i := 0; i < batches; i++ {
		batch := make([][]byte, batchSize)
		for j := range batch {
			batch[j] = append([]byte(fmt.Sprintf("batch %d.%d ", i, j)), everyByte...)
			expected[string(batch[j])] = true
		}
		if err := producer.MultiPublish(topic, batch); err != nil {
			return "", err
		}
	}
	messages := make(chan *nsq.Message, batches*batchSize)
	consumer, err := subscribe(topic, 50, 0, messages)
	if err != nil {
		return "", err
	}
	defer consumer.Stop()
	return fmt.Sprintf("%d messages by %d MPUB", batches*batchSize, batches), consumeExactly(messages, expected)
}

func checkPublishDeferred(producer *nsq.Producer) (string, error) {
	const topic, delay = "go-publish-deferred", 1500 * time.Millisecond
	if err := createChannel(topic); err != nil {
		return "", err
	}
	messages := make(chan *nsq.Message, 10)
	consumer, err := subscribe(topic, 1, 0, messages)
	if err != nil {
		return "", err
	}
	defer consumer.Stop()
	start := time.Now()
	if err := producer.DeferredPublish(topic, delay, []byte("deferred")); err != nil {
		return "", err
	}
	message, err := receive(messages, patience)
	if err != nil {
		return "", err
	}
	elapsed := time.Since(start)
	message.Finish()
	_, err = awaitEmpty(topic)
	switch {
	case err != nil:
	case elapsed < delay:
		err = fmt.Errorf("delivered after %s, before its delay of %s", elapsed, delay)
	case message.Attempts != 1:
		err = fmt.Errorf("delivered with attempts %d", message.Attempts)
	}
	return fmt.Sprintf("delay %s, delivered after %s", delay, elapsed.Round(time.Millisecond)), err
}

func checkConsume(producer *nsq.Producer) (string, error) {
	const topic, count, consumers, batchSize = "go-consume", 10_000, 3, 100
	if err := createChannel(topic); err != nil {
		return "", err
	}
	messages := make(chan *nsq.Message, count)
	var connected []*consumer
	for i := 0; i < consumers; i++ {
		consumer, err := subscribe(topic, 100, 0, messages)
		if err != nil {
			return "", err
		}
		defer consumer.Stop()
		connected = append(connected, consumer)
	}
	random := rand.New(rand.NewSource(1))
	expected := map[string]bool{}
	for i := 0; i < count; i += batchSize {
		batch := make([][]byte, batchSize)
		for j := range batch {
			padding := bytes.Repeat([]byte{'x'}, random.Intn(400))
			batch[j] = append([]byte(fmt.Sprintf("consume %d ", i+j)), padding...)
			expected[string(batch[j])] = true
		}
		if err := producer.MultiPublish(topic, batch); err != nil {
			return "", err
		}
	}
	if err := consumeExactly(messages, expected); err != nil {
		return "", err
	}
	shares := make([]uint64, consumers)
	for i, consumer := range connected {
		shares[i] = consumer.Stats().MessagesReceived
		if shares[i] == 0 {
			return "", fmt.Errorf("consumer %d of %d received nothing", i+1, consumers)
		}
	}
	_, err := awaitEmpty(topic)
	return fmt.Sprintf("%d messages over %d connections, %v each", count, consumers, shares), err
}

// publishOne publishes one message to a fresh topic and returns it as its only consumer received it.
func publishOne(producer *nsq.Producer, topic string, msgTimeout time.Duration) (chan *nsq.Message, *nsq.Message, error) {
	if err := createChannel(topic); err != nil {
		return nil, nil, err
	}
	messages := make(chan *nsq.Message, 10)
	if _, err := subscribe(topic, 1, msgTimeout, messages); err != nil {
		return nil, nil, err
	}
	if err := producer.Publish(topic, []byte(topic)); err != nil {
		return nil, nil, err
	}
	message, err := receive(messages, patience)
	if err == nil && message.Attempts != 1 {
		err = fmt.Errorf("first delivery with attempts %d", message.Attempts)
	}
	return messages, message, err
}

func checkFinish(producer *nsq.Producer) (string, error) {
	const topic, msgTimeout = "go-finish", time.Second
	messages, message, err := publishOne(producer, topic, msgTimeout)
	if err != nil {
		return "", err
	}
	message.Finish()
	if err := expectNone(messages, 2*msgTimeout); err != nil {
		return "", err
	}
	stats, err := awaitEmpty(topic)
	if err == nil && stats.TimedOut != 0 {
		err = fmt.Errorf("timeout_count is %d", stats.TimedOut)
	}
	return "not seen again after its timeout, channel empty", err
}

func checkRequeue(producer *nsq.Producer) (string, error) {
	const topic, delay = "go-requeue", 1500 * time.Millisecond
	messages, message, err := publishOne(producer, topic, 0)
	if err != nil {
		return "", err
	}
	start := time.Now()
	message.RequeueWithoutBackoff(delay)
	again, err := receive(messages, patience)
	if err != nil {
		return "", err
	}
	elapsed := time.Since(start)
	again.Finish()
	stats, err := awaitEmpty(topic)
	switch {
	case err != nil:
	case elapsed < delay:
		err = fmt.Errorf("back after %s, before its delay of %s", elapsed, delay)
	case again.Attempts != 2 || again.ID != message.ID:
		err = fmt.Errorf("back with attempts %d, id %s instead of %s", again.Attempts, again.ID, message.ID)
	case stats.Requeued != 1:
		err = fmt.Errorf("requeue_count is %d", stats.Requeued)
	}
	return fmt.Sprintf("delay %s, back after %s with attempts 2", delay, elapsed.Round(time.Millisecond)), err
}

func checkTouch(producer *nsq.Producer) (string, error) {
	const topic, msgTimeout, touches, interval = "go-touch", time.Second, 10, 300 * time.Millisecond
	messages, message, err := publishOne(producer, topic, msgTimeout)
	if err != nil {
		return "", err
	}
	for i := 0; i < touches; i++ {
		if err := expectNone(messages, interval); err != nil {
			return "", err
		}
		message.Touch()
	}
	message.Finish()
	if err := expectNone(messages, 2*msgTimeout); err != nil {
		return "", err
	}
	stats, err := awaitEmpty(topic)
	if err == nil && stats.TimedOut != 0 {
		err = fmt.Errorf("timeout_count is %d", stats.TimedOut)
	}
	return fmt.Sprintf("timeout %s, held for %s", msgTimeout, touches*interval), err
}

func checkTimeout(producer *nsq.Producer) (string, error) {
	const topic, msgTimeout = "go-timeout", 1500 * time.Millisecond
	start := time.Now()
	messages, message, err := publishOne(producer, topic, msgTimeout)
	if err != nil {
		return "", err
	}
	again, err := receive(messages, patience)
	if err != nil {
		return "", err
	}
	elapsed := time.Since(start)
	again.Finish()
	stats, err := awaitEmpty(topic)
	switch {
	case err != nil:
	case elapsed < msgTimeout:
		err = fmt.Errorf("back after %s, before its timeout of %s", elapsed, msgTimeout)
	case again.Attempts != 2 || again.ID != message.ID:
		err = fmt.Errorf("back with attempts %d, id %s instead of %s", again.Attempts, again.ID, message.ID)
	case stats.TimedOut != 1:
		err = fmt.Errorf("timeout_count is %d", stats.TimedOut)
	}
	return fmt.Sprintf("timeout %s, back after %s with attempts 2", msgTimeout, elapsed.Round(time.Millisecond)), err
}

func checkPause(producer *nsq.Producer) (string, error) {
	const topic, count = "go-pause", 20
	if err := createChannel(topic); err != nil {
		return "", err
	}
	messages := make(chan *nsq.Message, count)
	consumer, err := subscribe(topic, 5, 0, messages)
	if err != nil {
		return "", err
	}
	defer consumer.Stop()
	if err := post("/channel/pause?topic=" + topic + "&channel=" + channel); err != nil {
		return "", err
	}
	expected := map[string]bool{}
	for i := 0; i < count; i++ {
		body := fmt.Sprintf("paused %d", i)
		expected[body] = true
		if err := producer.Publish(topic, []byte(body)); err != nil {
			return "", err
		}
	}
	if err := expectNone(messages, time.Second); err != nil {
		return "", err
	}
	if err := post("/channel/unpause?topic=" + topic + "&channel=" + channel); err != nil {
		return "", err
	}
	return fmt.Sprintf("nothing while paused, then all %d", count), consumeExactly(messages, expected)
}
