// The checks of authorization, by the secrets and topics of ../auth-server.mjs.
package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/nsqio/go-nsq"
)

// Longer than an answer of the auth server holds.
const authExpiry = 1500 * time.Millisecond

func authorize() {
	for _, check := range []namedCheck{
		{"auth", checkAuth}, {"auth-forbidden", checkAuthForbidden}, {"auth-expired", checkAuthExpired},
	} {
		detail, err := check.run(nil)
		if err != nil {
			detail = err.Error()
		}
		printLine(map[string]interface{}{"check": check.name, "ok": err == nil, "detail": detail})
	}
}

func authConfig(secret string) *nsq.Config {
	config := nsq.NewConfig()
	config.AuthSecret = secret
	return config
}

func authProducer(secret string) (*nsq.Producer, error) {
	producer, err := nsq.NewProducer(tcpAddress, authConfig(secret))
	if err == nil {
		producer.SetLogger(quietLog, nsq.LogLevelError)
	}
	return producer, err
}

func checkAuth(*nsq.Producer) (string, error) {
	const topic = "go-auth"
	if err := createChannel(topic); err != nil {
		return "", err
	}
	messages := make(chan *nsq.Message, 10)
	consumer, err := subscribeWith(authConfig("open"), topic, messages)
	if err != nil {
		return "", err
	}
	defer consumer.Stop()
	producer, err := authProducer("open")
	if err != nil {
		return "", err
	}
	defer producer.Stop()
	for _, body := range []string{"at once", "renewed"} {
		if err := producer.Publish(topic, []byte(body)); err != nil {
			return "", err
		}
		if err := consumeExactly(messages, map[string]bool{body: true}); err != nil {
			return "", err
		}
		time.Sleep(authExpiry)
	}
	return "published and consumed, before and after the answer expired", nil
}

// expectRefusal publishes with the secret and wants an error with the text in it.
func expectRefusal(secret, topic, text string) error {
	producer, err := authProducer(secret)
	if err != nil {
		return err
	}
	defer producer.Stop()
	err = producer.Publish(topic, []byte("x"))
	if err == nil || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(text)) {
		return fmt.Errorf("publishing to %s as %q ended with %v", topic, secret, err)
	}
	return nil
}

func checkAuthForbidden(*nsq.Producer) (string, error) {
	if err := expectRefusal("open", "go-other", "E_UNAUTHORIZED"); err != nil {
		return "", err
	}
	if err := expectRefusal("", "go-auth", "auth required"); err != nil {
		return "", err
	}
	if err := expectRefusal("wrong", "go-auth", "E_AUTH_FAILED"); err != nil {
		return "", err
	}
	const topic = "go-outbox"
	if err := createChannel(topic); err != nil {
		return "", err
	}
	messages := make(chan *nsq.Message, 10)
	consumer, err := subscribeWith(authConfig("open"), topic, messages)
	if err == nil {
		defer consumer.Stop()
	}
	producer, err := authProducer("open")
	if err != nil {
		return "", err
	}
	defer producer.Stop()
	if err := producer.Publish(topic, []byte("x")); err != nil {
		return "", err
	}
	if err := expectNone(messages, time.Second); err != nil {
		return "", err
	}
	stats, err := statsOf(topic)
	if err == nil && stats.Depth != 1 {
		err = fmt.Errorf("the depth is %d", stats.Depth)
	}
	return "another topic, subscribing where only publishing is allowed, no secret, a wrong one", err
}

func checkAuthExpired(*nsq.Producer) (string, error) {
	const topic = "go-expired-auth"
	producer, err := authProducer("brief")
	if err != nil {
		return "", err
	}
	defer producer.Stop()
	if err := producer.Publish(topic, []byte("allowed")); err != nil {
		return "", err
	}
	time.Sleep(authExpiry)
	err = producer.Publish(topic, []byte("no more"))
	if err == nil || !strings.Contains(err.Error(), "E_AUTH_FAILED") {
		return "", fmt.Errorf("the second publish ended with %v", err)
	}
	return "refused after the answer expired", nil
}
