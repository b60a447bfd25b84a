package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// target is where records go and where their acknowledgements are kept; every verb has these flags.
type target struct {
	flags      *flag.FlagSet
	brokers    *string
	topic      *string
	partitions *int
	acks       *string
}

func newTarget(verb string) target {
	flags := flag.NewFlagSet(verb, flag.ExitOnError)
	return target{
		flags:      flags,
		brokers:    flags.String("brokers", "127.0.0.1:9092", "bootstrap addresses"),
		topic:      flags.String("topic", "acked", "topic"),
		partitions: flags.Int("partitions", 6, "partitions of the topic"),
		acks:       flags.String("acks", "acks", "file of acknowledgements"),
	}
}

func (t target) client(options ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append(options,
		kgo.SeedBrokers(strings.Split(*t.brokers, ",")...),
		kgo.AlwaysRetryEOF(),
		kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }),
		kgo.MetadataMinAge(50*time.Millisecond),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
	)...)
}

func (t target) createTopic(ctx context.Context, client *kgo.Client) error {
	_, err := kadm.NewClient(client).CreateTopic(ctx, int32(*t.partitions), 1, nil, *t.topic)
	if errors.Is(err, kerr.TopicAlreadyExists) {
		return nil
	}
	return err
}

// produce sends numbered records at a steady rate until SIGTERM, then waits until each is acknowledged.
// A record that ends in an error is a failure: an idempotent producer that retries for ever has no reason to lose one.
func produce(arguments []string) error {
	t := newTarget("produce")
	rate := t.flags.Int("rate", 4000, "records a second")
	t.flags.Parse(arguments)
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()

	log, err := openAckLog(*t.acks)
	if err != nil {
		return err
	}
	client, err := t.client(
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.StopProducerOnDataLossDetected(),
		kgo.ProducerLinger(2*time.Millisecond),
		kgo.MaxBufferedRecords(4000),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := t.createTopic(stop, client); err != nil {
		return fmt.Errorf("cannot create the topic: %w", err)
	}

	failures := make(chan error, 1)
	fail := func(err error) {
		select {
		case failures <- err:
			cancel()
		default: // The first failure is the one that is told.
		}
	}
	settle := func(sequence int64) func(*kgo.Record, error) {
		return func(record *kgo.Record, err error) {
			if err != nil {
				fail(fmt.Errorf("record %d of partition %d: %w", sequence, record.Partition, err))
			} else if err := log.append(ack{record.Partition, record.Offset, sequence}); err != nil {
				fail(err)
			}
		}
	}

	sent := send(stop, client, t, *rate, settle)
	patience, done := context.WithTimeout(context.Background(), 60*time.Second)
	defer done()
	if err := client.Flush(patience); err != nil {
		fail(fmt.Errorf("%d of %d records are not acknowledged 60 s after the last: %w", sent-log.total(), sent, err))
	}
	fmt.Printf("sent %d, acknowledged %d\n", sent, log.total())
	select {
	case err := <-failures:
		return err
	default:
		return nil
	}
}

// send hands out records round robin over the partitions, one slice of 10 ms at a time, and returns how many.
func send(stop context.Context, client *kgo.Client, t target, rate int, settle func(int64) func(*kgo.Record, error)) int64 {
	var sent int64
	slice := time.NewTicker(10 * time.Millisecond)
	defer slice.Stop()
	for {
		for range max(1, rate/100) {
			partition, sequence := int32(sent)%int32(*t.partitions), sent/int64(*t.partitions)
			record := &kgo.Record{Topic: *t.topic, Partition: partition, Value: payload(partition, sequence)}
			// Never cancelled: a record once numbered is waited for.
			client.Produce(context.Background(), record, settle(sequence))
			sent++
		}
		select {
		case <-stop.Done():
			return sent
		case <-slice.C:
		}
	}
}
