package main

import (
	"fmt"
	"time"

	"github.com/hashicorp/consul/api"
)

// within fails when the channel says nothing for five seconds.
func within[T any](what string, channel <-chan T) error {
	select {
	case <-channel:
		return nil
	case <-time.After(5 * time.Second):
		return fmt.Errorf("%s did not happen within 5 s", what)
	}
}

var lockSteps = []step{
	{"lock: a second contender waits", func(t *tour) (string, error) {
		first, err := t.client.LockKey("tour/lock")
		if err != nil {
			return "", err
		}
		if _, err := first.Lock(nil); err != nil {
			return "", err
		}
		options := &api.LockOptions{Key: "tour/lock", LockTryOnce: true, LockWaitTime: 300 * time.Millisecond}
		second, err := t.client.LockOpts(options)
		if err != nil {
			return "", err
		}
		refused, err := second.Lock(nil)
		if err != nil {
			return "", err
		}
		if err := first.Unlock(); err != nil {
			return "", err
		}
		held, err := second.Lock(nil)
		if err != nil {
			return "", err
		}
		if err := second.Unlock(); err != nil {
			return "", err
		}
		return want(refused == nil && held != nil, "in turns")
	}},
	{"lock: lost with its session", func(t *tour) (string, error) {
		id, _, err := t.client.Session().CreateNoChecks(&api.SessionEntry{LockDelay: time.Millisecond}, nil)
		if err != nil {
			return "", err
		}
		lock, err := t.client.LockOpts(&api.LockOptions{Key: "tour/lost", Session: id})
		if err != nil {
			return "", err
		}
		lost, err := lock.Lock(nil)
		if err != nil {
			return "", err
		}
		if _, err := t.client.Session().Destroy(id, nil); err != nil {
			return "", err
		}
		return "heard of it", within("the loss", lost)
	}},
	{"lock: destroyed", func(t *tour) (string, error) {
		lock, err := t.client.LockKey("tour/lock")
		if err != nil {
			return "", err
		}
		return "gone", lock.Destroy()
	}},
	{"semaphore: two of three", func(t *tour) (string, error) {
		holders := make([]*api.Semaphore, 3)
		for at := range holders {
			options := &api.SemaphoreOptions{Prefix: "tour/places", Limit: 2, SemaphoreTryOnce: true, SemaphoreWaitTime: 300 * time.Millisecond}
			semaphore, err := t.client.SemaphoreOpts(options)
			if err != nil {
				return "", err
			}
			holders[at] = semaphore
			held, err := semaphore.Acquire(nil)
			if err != nil {
				return "", err
			}
			if (held != nil) != (at < 2) {
				return "", fmt.Errorf("holder %d: %v", at, held != nil)
			}
		}
		if err := holders[0].Release(); err != nil {
			return "", err
		}
		if held, err := holders[2].Acquire(nil); err != nil || held == nil {
			return "", fmt.Errorf("the free place was not given: %v", err)
		}
		for _, holder := range holders[1:] {
			if err := holder.Release(); err != nil {
				return "", err
			}
		}
		return "in turns", holders[1].Destroy()
	}},
}
