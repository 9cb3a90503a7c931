package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"
)

var storageSteps = []step{
	{"kv put and get", func(t *tour) (string, error) {
		if _, err := t.client.KV().DeleteTree("tour/", nil); err != nil {
			return "", err
		}
		pair := &api.KVPair{Key: "tour/a", Value: []byte{0, 1, 0xff}, Flags: 1<<63 + 1}
		if _, err := t.client.KV().Put(pair, nil); err != nil {
			return "", err
		}
		got, meta, err := t.client.KV().Get("tour/a", nil)
		if err != nil {
			return "", err
		}
		return want(bytes.Equal(got.Value, pair.Value) && got.Flags == pair.Flags && meta.LastIndex >= got.ModifyIndex, got.ModifyIndex)
	}},
	{"kv get of nothing", func(t *tour) (string, error) {
		got, _, err := t.client.KV().Get("tour/none", nil)
		if err != nil {
			return "", err
		}
		return want(got == nil, got)
	}},
	{"kv check-and-set", func(t *tour) (string, error) {
		kv := t.client.KV()
		created, _, err := kv.CAS(&api.KVPair{Key: "tour/cas", Value: []byte("1")}, nil)
		if err != nil {
			return "", err
		}
		again, _, err := kv.CAS(&api.KVPair{Key: "tour/cas", Value: []byte("2")}, nil)
		if err != nil {
			return "", err
		}
		got, _, err := kv.Get("tour/cas", nil)
		if err != nil {
			return "", err
		}
		got.Value = []byte("3")
		changed, _, err := kv.CAS(got, nil)
		if err != nil {
			return "", err
		}
		return want(created && !again && changed, fmt.Sprint(created, again, changed))
	}},
	{"kv list and keys", func(t *tour) (string, error) {
		for _, key := range []string{"tour/deep/b", "tour/deep/c"} {
			if _, err := t.client.KV().Put(&api.KVPair{Key: key}, nil); err != nil {
				return "", err
			}
		}
		pairs, _, err := t.client.KV().List("tour/", nil)
		if err != nil {
			return "", err
		}
		keys, _, err := t.client.KV().Keys("tour/", "/", nil)
		if err != nil {
			return "", err
		}
		return want(len(pairs) == 4 && strings.Join(keys, " ") == "tour/a tour/cas tour/deep/", keys)
	}},
	{"kv delete, delete-cas, delete-tree", func(t *tour) (string, error) {
		kv := t.client.KV()
		got, _, err := kv.Get("tour/cas", nil)
		if err != nil {
			return "", err
		}
		kept, _, err := kv.DeleteCAS(&api.KVPair{Key: "tour/cas", ModifyIndex: 1}, nil)
		if err != nil {
			return "", err
		}
		gone, _, err := kv.DeleteCAS(got, nil)
		if err != nil {
			return "", err
		}
		if _, err := kv.Delete("tour/a", nil); err != nil {
			return "", err
		}
		if _, err := kv.DeleteTree("tour/", nil); err != nil {
			return "", err
		}
		left, _, err := kv.Keys("tour/", "", nil)
		if err != nil {
			return "", err
		}
		return want(!kept && gone && len(left) == 0, left)
	}},
	{"session create, info, list, renew, destroy", func(t *tour) (string, error) {
		session := t.client.Session()
		entry := &api.SessionEntry{Name: "tour", TTL: "30s", LockDelay: time.Second, Behavior: api.SessionBehaviorDelete}
		id, _, err := session.Create(entry, nil)
		if err != nil {
			return "", err
		}
		info, _, err := session.Info(id, nil)
		if err != nil {
			return "", err
		}
		ofNode, _, err := session.Node(t.node, nil)
		if err != nil {
			return "", err
		}
		all, _, err := session.List(nil)
		if err != nil {
			return "", err
		}
		renewed, _, err := session.Renew(id, nil)
		if err != nil {
			return "", err
		}
		if _, err := session.Destroy(id, nil); err != nil {
			return "", err
		}
		gone, _, err := session.Renew(id, nil)
		if err != nil {
			return "", err
		}
		good := info.Name == "tour" && info.LockDelay == time.Second && info.Behavior == "delete" && info.TTL == "30s"
		return want(good && len(ofNode) == 1 && len(all) == 1 && renewed.ID == id && gone == nil, id)
	}},
	{"kv acquire and release", func(t *tour) (string, error) {
		id, _, err := t.client.Session().CreateNoChecks(&api.SessionEntry{}, nil)
		if err != nil {
			return "", err
		}
		defer t.client.Session().Destroy(id, nil)
		pair := &api.KVPair{Key: "tour/held", Value: []byte("mine"), Session: id}
		got, _, err := t.client.KV().Acquire(pair, nil)
		if err != nil {
			return "", err
		}
		held, _, err := t.client.KV().Get("tour/held", nil)
		if err != nil {
			return "", err
		}
		released, _, err := t.client.KV().Release(pair, nil)
		if err != nil {
			return "", err
		}
		return want(got && held.Session == id && held.LockIndex == 1 && released, held.LockIndex)
	}},
	{"transaction of keys", func(t *tour) (string, error) {
		ok, answer, _, err := t.client.KV().Txn(api.KVTxnOps{
			{Verb: api.KVSet, Key: "tour/txn/a", Value: []byte("1"), Flags: 5},
			{Verb: api.KVSet, Key: "tour/txn/b", Value: []byte("2")},
			{Verb: api.KVGetTree, Key: "tour/txn/"},
		}, nil)
		if err != nil {
			return "", err
		}
		return want(ok && len(answer.Results) == 4 && answer.Results[0].Flags == 5, len(answer.Results))
	}},
	{"transaction refused as a whole", func(t *tour) (string, error) {
		ok, answer, _, err := t.client.KV().Txn(api.KVTxnOps{
			{Verb: api.KVSet, Key: "tour/txn/c"},
			{Verb: api.KVCheckNotExists, Key: "tour/txn/a"},
		}, nil)
		if err != nil {
			return "", err
		}
		left, _, err := t.client.KV().Get("tour/txn/c", nil)
		if err != nil {
			return "", err
		}
		return want(!ok && len(answer.Errors) == 1 && answer.Errors[0].OpIndex == 1 && left == nil, answer.Errors)
	}},
	{"transaction of nodes, services and checks", func(t *tour) (string, error) {
		node := api.Node{Node: "by-txn", Address: "192.0.2.7"}
		service := api.AgentService{ID: "s", Service: "s", Port: 1}
		check := api.HealthCheck{Node: node.Node, CheckID: "c", ServiceID: "s", Status: api.HealthPassing}
		ok, answer, _, err := t.client.Txn().Txn(api.TxnOps{
			{Node: &api.NodeTxnOp{Verb: api.NodeSet, Node: node}},
			{Service: &api.ServiceTxnOp{Verb: api.ServiceSet, Node: node.Node, Service: service}},
			{Check: &api.CheckTxnOp{Verb: api.CheckSet, Check: check}},
			{Node: &api.NodeTxnOp{Verb: api.NodeGet, Node: node}},
			{Node: &api.NodeTxnOp{Verb: api.NodeDelete, Node: node}},
		}, nil)
		if err != nil {
			return "", err
		}
		return want(ok && len(answer.Results) == 4, answer)
	}},
}
