package main

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// crowd is what the members of one group have done together.
type crowd struct {
	mu        sync.Mutex
	processed []map[int64]int // by partition: how often each offset was handed to a member
	seen      []time.Time     // by member: when it last had a record
	commits   int
	refused   int // commits that a rebalance or a broker's death refused; at least once means that they may be
}

// members runs a whole group until SIGTERM, over broker restarts, then waits until everything is committed. It fails where
// a committed offset goes back, a record was handed to nobody, or a member had no record for a while.
func members(arguments []string) error {
	t := newTarget("members")
	group := t.flags.String("group", "crowd", "group")
	count := t.flags.Int("count", 10, "members")
	patience := t.flags.Duration("patience", 20*time.Second, "how long a member may be without a record")
	t.flags.Parse(arguments)
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()

	c := &crowd{seen: make([]time.Time, *count)}
	for range *t.partitions {
		c.processed = append(c.processed, map[int64]int{})
	}
	observer, err := t.client()
	if err != nil {
		return err
	}
	defer observer.Close()
	if err := t.createTopic(stop, observer); err != nil {
		return fmt.Errorf("cannot create the topic: %w", err)
	}
	living, end := context.WithCancel(context.Background())
	defer end()
	failures := make(chan error, *count+1)
	var all sync.WaitGroup
	for member := range *count {
		all.Add(1)
		go func() {
			defer all.Done()
			if err := c.consume(living, t, *group, member); err != nil {
				failures <- fmt.Errorf("member %d: %w", member, err)
			}
		}()
	}
	admin := kadm.NewClient(observer)
	committed := make([]int64, *t.partitions)
	for stop.Err() == nil {
		select {
		case err := <-failures:
			return err
		case <-stop.Done():
		case <-time.After(250 * time.Millisecond):
			if err := observe(living, admin, *group, *t.topic, committed); err != nil {
				return err
			}
		}
	}
	if err := c.stuck(*patience); err != nil {
		return err
	}
	ends, err := c.drain(living, admin, *group, *t.topic, committed)
	if err != nil {
		return err
	}
	end()
	all.Wait()
	return c.report(ends)
}

// consume is one member: it polls, counts, and commits what it counted.
func (c *crowd) consume(ctx context.Context, t target, group string, member int) error {
	client, err := t.client(
		kgo.ClientID(fmt.Sprintf("member-%d", member)),
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(*t.topic), kgo.DisableAutoCommit(),
		kgo.SessionTimeout(10*time.Second), kgo.HeartbeatInterval(500*time.Millisecond), kgo.RebalanceTimeout(10*time.Second),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.BlockRebalanceOnPoll(),
	)
	if err != nil {
		return err
	}
	defer client.CloseAllowingRebalance()
	for {
		fetches := client.PollRecords(ctx, 500)
		if ctx.Err() != nil {
			return nil
		}
		c.mu.Lock()
		fetches.EachRecord(func(record *kgo.Record) {
			c.processed[record.Partition][record.Offset]++
			c.seen[member] = time.Now()
		})
		c.mu.Unlock()
		patient, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := client.CommitUncommittedOffsets(patient)
		cancel()
		c.mu.Lock()
		if err == nil {
			c.commits++
		} else {
			c.refused++
		}
		c.mu.Unlock()
		client.AllowRebalance()
	}
}

// observe asks what is committed, and compares it with what was committed before. A broker that is down answers later.
func observe(ctx context.Context, admin *kadm.Client, group, topic string, committed []int64) error {
	patient, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	offsets, err := admin.FetchOffsets(patient, group)
	if err != nil {
		return nil
	}
	for partition, before := range committed {
		answer, known := offsets.Lookup(topic, int32(partition))
		if !known || answer.Err != nil {
			if before > 0 && known && answer.Err == nil {
				return fmt.Errorf("partition %d: offset %d was committed and is unknown", partition, before)
			}
			continue
		}
		if answer.At < before {
			return fmt.Errorf("partition %d: offset %d was committed and is %d now", partition, before, answer.At)
		}
		committed[partition] = answer.At
	}
	return nil
}

// stuck tells of a member that had nothing for longer than it may.
func (c *crowd) stuck(patience time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for member, seen := range c.seen {
		if seen.IsZero() || time.Since(seen) > patience {
			return fmt.Errorf("member %d had no record since %v", member, seen.Format(time.TimeOnly))
		}
	}
	return nil
}

// drain waits until the group has committed everything that there is.
func (c *crowd) drain(ctx context.Context, admin *kadm.Client, group, topic string, committed []int64) (kadm.ListedOffsets, error) {
	deadline := time.Now().Add(60 * time.Second)
	for {
		ends, err := admin.ListEndOffsets(ctx, topic)
		if err == nil {
			err = ends.Error()
		}
		if err == nil {
			if err := observe(ctx, admin, group, topic, committed); err != nil {
				return nil, err
			}
			behind := 0
			ends.Each(func(end kadm.ListedOffset) {
				if committed[end.Partition] < end.Offset {
					behind++
				}
			})
			if behind == 0 {
				return ends, nil
			}
			err = fmt.Errorf("%d partitions are not committed to their end", behind)
		}
		if time.Now().After(deadline) {
			return nil, errors.Join(errors.New("not everything was committed within 60 s"), err)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// report checks that every record was handed to somebody.
func (c *crowd) report(ends kadm.ListedOffsets) error {
	records, again := 0, 0
	var missing error
	ends.Each(func(end kadm.ListedOffset) {
		for offset := range end.Offset {
			times := c.processed[end.Partition][offset]
			if times == 0 && missing == nil {
				missing = fmt.Errorf("partition %d: the record at offset %d was handed to nobody", end.Partition, offset)
			}
			records++
			again += max(0, times-1)
		}
	})
	if missing != nil {
		return missing
	}
	fmt.Printf("%d records, %d of them again, %d commits, %d refused\n", records, again, c.commits, c.refused)
	return nil
}
