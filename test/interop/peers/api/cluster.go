package main

import (
	"bytes"
	"fmt"
	"io"
	"time"

	"github.com/hashicorp/consul/api"
)

var clusterSteps = []step{
	{"status leader and peers", func(t *tour) (string, error) {
		leader, err := t.client.Status().Leader()
		if err != nil {
			return "", err
		}
		peers, err := t.client.Status().Peers()
		if err != nil {
			return "", err
		}
		return want(leader != "" && len(peers) > 0, leader)
	}},
	{"event fire and list", func(t *tour) (string, error) {
		event := &api.UserEvent{Name: "tour", Payload: []byte("hello"), NodeFilter: ".*"}
		id, _, err := t.client.Event().Fire(event, nil)
		if err != nil {
			return "", err
		}
		return soon("the event", func() (bool, error) {
			events, meta, err := t.client.Event().List("tour", nil)
			if err != nil || len(events) == 0 {
				return false, err
			}
			last := events[len(events)-1]
			return last.ID == id && string(last.Payload) == "hello" && meta.LastIndex == t.client.Event().IDToIndex(id), nil
		})
	}},
	{"coordinate update, node, nodes, datacenters", func(t *tour) (string, error) {
		coordinate := t.client.Coordinate()
		datacenters, err := coordinate.Datacenters()
		if err != nil {
			return "", err
		}
		if len(datacenters) != 1 {
			return "", fmt.Errorf("%d datacenters", len(datacenters))
		}
		entry := &api.CoordinateEntry{Node: t.node, Coord: wanted()}
		if _, err := coordinate.Update(entry, nil); err != nil {
			return "", err
		}
		return soon("the coordinate", func() (bool, error) {
			nodes, _, err := coordinate.Nodes(nil)
			if err != nil || len(nodes) == 0 {
				return false, err
			}
			one, _, err := coordinate.Node(t.node, nil)
			return len(one) == 1 && one[0].Coord.IsValid(), err
		})
	}},
	{"operator raft configuration", func(t *tour) (string, error) {
		configuration, err := t.client.Operator().RaftGetConfiguration(nil)
		if err != nil {
			return "", err
		}
		leaders := 0
		for _, server := range configuration.Servers {
			if server.Leader && server.Voter {
				leaders++
			}
		}
		return want(leaders == 1, len(configuration.Servers))
	}},
	{"operator autopilot configuration", func(t *tour) (string, error) {
		operator := t.client.Operator()
		before, err := operator.AutopilotGetConfiguration(nil)
		if err != nil {
			return "", err
		}
		before.MaxTrailingLogs = 251
		changed, err := operator.AutopilotCASConfiguration(before, nil)
		if err != nil {
			return "", err
		}
		after, err := operator.AutopilotGetConfiguration(nil)
		if err != nil {
			return "", err
		}
		return want(changed && after.MaxTrailingLogs == 251, after.MaxTrailingLogs)
	}},
	{"operator autopilot health and state", func(t *tour) (string, error) {
		health, err := t.client.Operator().AutopilotServerHealth(nil)
		if err != nil {
			return "", err
		}
		state, err := t.client.Operator().AutopilotState(nil)
		if err != nil {
			return "", err
		}
		return want(health.Healthy && state.Healthy && state.Leader != "", len(health.Servers))
	}},
	{"operator keyring", func(t *tour) (string, error) {
		rings, err := t.client.Operator().KeyringList(nil)
		if err != nil {
			return "", err
		}
		return want(len(rings) == 2 && len(rings[0].Keys) == 1, len(rings))
	}},
	{"operator keyring: install, use, remove", func(t *tour) (string, error) {
		operator := t.client.Operator()
		rings, err := operator.KeyringList(nil)
		if err != nil {
			return "", err
		}
		var old string
		for key := range rings[0].Keys {
			old = key
		}
		const next = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
		for _, do := range []func() error{
			func() error { return operator.KeyringInstall(next, nil) },
			func() error { return operator.KeyringUse(next, nil) },
			func() error { return operator.KeyringRemove(old, nil) },
		} {
			if err := do(); err != nil {
				return "", err
			}
		}
		rings, err = operator.KeyringList(nil)
		if err != nil {
			return "", err
		}
		return want(rings[0].Keys[next] > 0 && rings[0].Keys[old] == 0, rings[0].Keys)
	}},
	{"snapshot save and restore", func(t *tour) (string, error) {
		kv := t.client.KV()
		if _, err := kv.Put(&api.KVPair{Key: "tour/kept", Value: []byte("yes")}, nil); err != nil {
			return "", err
		}
		reader, _, err := t.client.Snapshot().Save(nil)
		if err != nil {
			return "", err
		}
		defer reader.Close()
		archive, err := io.ReadAll(reader)
		if err != nil {
			return "", err
		}
		if _, err := kv.Delete("tour/kept", nil); err != nil {
			return "", err
		}
		if err := t.client.Snapshot().Restore(nil, bytes.NewReader(archive)); err != nil {
			return "", err
		}
		return soon(fmt.Sprintf("%d bytes restored", len(archive)), func() (bool, error) {
			pair, _, err := kv.Get("tour/kept", nil)
			return pair != nil && string(pair.Value) == "yes", err
		})
	}},
	{"connect ca roots", func(t *tour) (string, error) {
		roots, _, err := t.client.Connect().CARoots(nil)
		if err != nil {
			return "", err
		}
		return want(len(roots.Roots) == 1 && roots.TrustDomain != "", roots.TrustDomain)
	}},
	{"a blocking query ends with its context", func(t *tour) (string, error) {
		_, meta, err := t.client.KV().Get("tour/kept", nil)
		if err != nil {
			return "", err
		}
		began := time.Now()
		options := &api.QueryOptions{WaitIndex: meta.LastIndex, WaitTime: 300 * time.Millisecond}
		_, after, err := t.client.KV().Get("tour/kept", options)
		if err != nil {
			return "", err
		}
		return want(time.Since(began) >= 300*time.Millisecond && after.LastIndex >= meta.LastIndex, after.LastIndex)
	}},
}
