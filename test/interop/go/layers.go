// The checks of TLS and compression: a producer and a consumer of their own for each combination.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"math/rand"
	"net/http"
	"os"

	"github.com/nsqio/go-nsq"
)

// layers is what a connection is upgraded to.
type layers struct {
	Tls     bool `json:"tls"`
	Snappy  bool `json:"snappy"`
	Deflate bool `json:"deflate"`
}

var layerChecks = []struct {
	name   string
	layers layers
}{
	{"tls", layers{Tls: true}},
	{"snappy", layers{Snappy: true}},
	{"deflate", layers{Deflate: true}},
	{"tls-snappy", layers{Tls: true, Snappy: true}},
	{"tls-deflate", layers{Tls: true, Deflate: true}},
}

func (l layers) config() (*nsq.Config, error) {
	config := nsq.NewConfig()
	config.MaxInFlight = 200
	config.TlsV1, config.Snappy, config.Deflate = l.Tls, l.Snappy, l.Deflate
	if !l.Tls {
		return config, nil
	}
	pem, err := os.ReadFile(os.Getenv("NSQD_CA"))
	if err != nil {
		return nil, err
	}
	authorities := x509.NewCertPool()
	authorities.AppendCertsFromPEM(pem)
	config.TlsConfig = &tls.Config{RootCAs: authorities, ServerName: "localhost"}
	return config, nil
}

func checkLayers(name string, wanted layers) (string, error) {
	topic := "go-" + name
	if err := createChannel(topic); err != nil {
		return "", err
	}
	config, err := wanted.config()
	if err != nil {
		return "", err
	}
	messages := make(chan *nsq.Message, 2000)
	consumer, err := subscribeWith(config, topic, messages)
	if err != nil {
		return "", err
	}
	defer consumer.Stop()
	producer, err := nsq.NewProducer(tcpAddress, config)
	if err != nil {
		return "", err
	}
	producer.SetLogger(quietLog, nsq.LogLevelError)
	defer producer.Stop()

	expected := map[string]bool{}
	if err := publishSizes(producer, topic, expected); err != nil {
		return "", err
	}
	if err := consumeExactly(messages, expected); err != nil {
		return "", err
	}
	if err := expectLayers(topic, wanted); err != nil {
		return "", err
	}
	_, err = awaitEmpty(topic)
	return fmt.Sprintf("%d messages of 1 B to 300 KB", len(expected)), err
}

// publishSizes publishes one by one and in batches, bodies that compress well and bodies that do not.
func publishSizes(producer *nsq.Producer, topic string, expected map[string]bool) error {
	random := rand.New(rand.NewSource(1))
	body := func(number, size int) []byte {
		bytes := make([]byte, size)
		if number%2 == 0 {
			random.Read(bytes)
		}
		bytes = append([]byte(fmt.Sprint(number, " ")), bytes...)
		expected[string(bytes)] = true
		return bytes
	}
	for i, size := range []int{0, 1, 100, 65_535, 65_536, 65_537, 300_000, 5, 5, 5} {
		if err := producer.Publish(topic, body(i, size)); err != nil {
			return err
		}
	}
	for i := 1; i <= 10; i++ {
		batch := make([][]byte, 100)
		for j := range batch {
			batch[j] = body(i*1000+j, random.Intn(2000))
		}
		if err := producer.MultiPublish(topic, batch); err != nil {
			return err
		}
	}
	return nil
}

// expectLayers asks the daemon what the consumer's connection is made of.
func expectLayers(topic string, wanted layers) error {
	var stats struct {
		Topics []struct {
			Channels []struct {
				Clients []layers `json:"clients"`
			} `json:"channels"`
		} `json:"topics"`
	}
	response, err := http.Get("http://" + httpAddress + "/stats?format=json&topic=" + topic)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&stats); err != nil {
		return err
	}
	clients := stats.Topics[0].Channels[0].Clients
	if len(clients) != 1 || clients[0] != wanted {
		return fmt.Errorf("the daemon shows %+v", clients)
	}
	return nil
}
