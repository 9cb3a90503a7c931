package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/consul/api/watch"
)

// watched runs a plan until it has told of a state that satisfies, which a change brings about.
func (t *tour) watched(params map[string]any, change func() error, holds func(any) bool) (string, error) {
	plan, err := watch.Parse(params)
	if err != nil {
		return "", err
	}
	told := make(chan struct{}, 64)
	calls := 0
	plan.Handler = func(_ uint64, state any) {
		calls++
		if holds(state) {
			told <- struct{}{}
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- plan.Run(t.address) }()
	defer plan.Stop()
	time.Sleep(200 * time.Millisecond)
	if err := change(); err != nil {
		return "", err
	}
	select {
	case <-told:
		return fmt.Sprintf("call %d", calls), nil
	case err := <-ended:
		return "", fmt.Errorf("the plan ended: %v", err)
	case <-time.After(10 * time.Second):
		return "", fmt.Errorf("not told within 10 s")
	}
}

func (t *tour) put(key string) func() error {
	return func() error {
		_, err := t.client.KV().Put(&api.KVPair{Key: key, Value: []byte("x")}, nil)
		return err
	}
}

var watchSteps = []step{
	{"watch of a key", func(t *tour) (string, error) {
		return t.watched(map[string]any{"type": "key", "key": "tour/w"}, t.put("tour/w"), func(state any) bool {
			pair, ok := state.(*api.KVPair)
			return ok && pair != nil && string(pair.Value) == "x"
		})
	}},
	{"watch of a prefix", func(t *tour) (string, error) {
		return t.watched(map[string]any{"type": "keyprefix", "prefix": "tour/p/"}, t.put("tour/p/1"), func(state any) bool {
			pairs, ok := state.(api.KVPairs)
			return ok && len(pairs) == 1
		})
	}},
	{"watch of services", func(t *tour) (string, error) {
		return t.watched(map[string]any{"type": "services"}, func() error {
			return t.client.Agent().ServiceRegister(&api.AgentServiceRegistration{Name: "watched"})
		}, func(state any) bool {
			services, ok := state.(map[string][]string)
			_, there := services["watched"]
			return ok && there
		})
	}},
	{"watch of a service's health", func(t *tour) (string, error) {
		return t.watched(map[string]any{"type": "service", "service": "watched"}, func() error {
			return t.client.Agent().EnableServiceMaintenance("watched", "")
		}, func(state any) bool {
			entries, ok := state.([]*api.ServiceEntry)
			return ok && len(entries) == 1 && entries[0].Checks.AggregatedStatus() != api.HealthPassing
		})
	}},
	{"watch of checks", func(t *tour) (string, error) {
		return t.watched(map[string]any{"type": "checks", "state": "critical"}, func() error {
			return t.client.Agent().EnableNodeMaintenance("")
		}, func(state any) bool {
			checks, ok := state.([]*api.HealthCheck)
			return ok && len(checks) == 2
		})
	}},
	{"watch of nodes", func(t *tour) (string, error) {
		return t.watched(map[string]any{"type": "nodes"}, func() error {
			_, err := t.client.Catalog().Register(&api.CatalogRegistration{Node: "new", Address: "192.0.2.3"}, nil)
			return err
		}, func(state any) bool {
			nodes, _ := state.([]*api.Node)
			return slices.ContainsFunc(nodes, func(node *api.Node) bool { return node.Node == "new" })
		})
	}},
	{"watch of events", func(t *tour) (string, error) {
		return t.watched(map[string]any{"type": "event", "name": "watched"}, func() error {
			_, _, err := t.client.Event().Fire(&api.UserEvent{Name: "watched"}, nil)
			return err
		}, func(state any) bool {
			events, ok := state.([]*api.UserEvent)
			return ok && len(events) == 1
		})
	}},
	{"watch of an agent's service", func(t *tour) (string, error) {
		return t.watched(map[string]any{"type": "agent_service", "service_id": "watched"}, func() error {
			return t.client.Agent().ServiceRegister(&api.AgentServiceRegistration{Name: "watched", Port: 4711})
		}, func(state any) bool {
			service, ok := state.(*api.AgentService)
			return ok && service.Port == 4711
		})
	}},
	{"agent service deregister", func(t *tour) (string, error) {
		if err := t.client.Agent().DisableNodeMaintenance(); err != nil {
			return "", err
		}
		if _, err := t.client.Catalog().Deregister(&api.CatalogDeregistration{Node: "new"}, nil); err != nil {
			return "", err
		}
		for _, id := range []string{"web-1", "web-2", "watched"} {
			if err := t.client.Agent().ServiceDeregister(id); err != nil {
				return "", err
			}
		}
		return soon("no service left", func() (bool, error) {
			services, _, err := t.client.Catalog().Services(nil)
			return len(services) == 1, err
		})
	}},
}
