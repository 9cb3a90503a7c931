package main

import (
	"fmt"
	"time"

	"github.com/hashicorp/consul/api"
)

var agentSteps = []step{
	{"agent self", func(t *tour) (string, error) {
		self, err := t.client.Agent().Self()
		if err != nil {
			return "", err
		}
		t.node, _ = self["Config"]["NodeName"].(string)
		return want(t.node != "" && self["Member"] != nil, t.node)
	}},
	{"agent node name", func(t *tour) (string, error) {
		name, err := t.client.Agent().NodeName()
		if err != nil {
			return "", err
		}
		return want(name == t.node, name)
	}},
	{"agent host", func(t *tour) (string, error) {
		host, err := t.client.Agent().Host()
		if err != nil {
			return "", err
		}
		return want(host["Memory"] != nil && host["CPU"] != nil, len(host))
	}},
	{"agent metrics", func(t *tour) (string, error) {
		metrics, err := t.client.Agent().Metrics()
		if err != nil {
			return "", err
		}
		return want(metrics.Timestamp != "", metrics.Timestamp)
	}},
	{"agent members", func(t *tour) (string, error) {
		members, err := t.client.Agent().Members(false)
		if err != nil {
			return "", err
		}
		return want(len(members) > 0 && members[0].Status == int(1), len(members))
	}},
	{"agent members of all segments", func(t *tour) (string, error) {
		members, err := t.client.Agent().MembersOpts(api.MembersOpts{Segment: api.AllSegments})
		if err != nil {
			return "", err
		}
		return want(len(members) > 0, len(members))
	}},
	{"agent service register", func(t *tour) (string, error) {
		err := t.client.Agent().ServiceRegister(&api.AgentServiceRegistration{
			ID: "web-1", Name: "web", Port: 8080, Tags: []string{"v1", "blue"},
			Meta: map[string]string{"team": "shop"},
			Checks: api.AgentServiceChecks{
				{CheckID: "web-ttl", TTL: "5m", Status: api.HealthPassing},
				{CheckID: "web-alias", AliasNode: t.node},
			},
			Weights:         &api.AgentWeights{Passing: 10, Warning: 1},
			TaggedAddresses: map[string]api.ServiceAddress{"wan": {Address: "192.0.2.1", Port: 80}},
		})
		return "registered", err
	}},
	{"agent service register, checks replaced", func(t *tour) (string, error) {
		service := &api.AgentServiceRegistration{ID: "web-2", Name: "web", Port: 8081, Tags: []string{"v2"}}
		opts := api.ServiceRegisterOpts{ReplaceExistingChecks: true}
		return "registered", t.client.Agent().ServiceRegisterOpts(service, opts)
	}},
	{"agent services", func(t *tour) (string, error) {
		services, err := t.client.Agent().Services()
		if err != nil {
			return "", err
		}
		web := services["web-1"]
		return want(web != nil && web.Port == 8080 && web.Weights.Passing == 10 && web.Meta["team"] == "shop", len(services))
	}},
	{"agent services filtered", func(t *tour) (string, error) {
		services, err := t.client.Agent().ServicesWithFilter(`"blue" in Tags`)
		if err != nil {
			return "", err
		}
		return want(len(services) == 1, len(services))
	}},
	{"agent service, blocking by hash", func(t *tour) (string, error) {
		service, meta, err := t.client.Agent().Service("web-1", nil)
		if err != nil {
			return "", err
		}
		again, _, err := t.client.Agent().Service("web-1", &api.QueryOptions{WaitHash: meta.LastContentHash, WaitTime: 200 * time.Millisecond})
		if err != nil {
			return "", err
		}
		return want(again.ContentHash == service.ContentHash, again.ContentHash)
	}},
	{"agent check register", func(t *tour) (string, error) {
		return "registered", t.client.Agent().CheckRegister(&api.AgentCheckRegistration{
			ID: "beat", Name: "heartbeat", AgentServiceCheck: api.AgentServiceCheck{TTL: "5m"},
		})
	}},
	{"agent check update, pass, warn, fail", func(t *tour) (string, error) {
		agent := t.client.Agent()
		for _, status := range []string{"pass", "warn", "fail"} {
			if err := agent.UpdateTTL("beat", "now "+status, status); err != nil {
				return "", err
			}
		}
		checks, err := agent.Checks()
		if err != nil {
			return "", err
		}
		beat := checks["beat"]
		return want(beat != nil && beat.Status == api.HealthCritical && beat.Output == "now fail", beat)
	}},
	{"agent checks filtered", func(t *tour) (string, error) {
		checks, err := t.client.Agent().ChecksWithFilter(`Status == "critical"`)
		if err != nil {
			return "", err
		}
		return want(checks["beat"] != nil, len(checks))
	}},
	{"agent health by service name and id", func(t *tour) (string, error) {
		byName, found, err := t.client.Agent().AgentHealthServiceByName("web")
		if err != nil {
			return "", err
		}
		byID, _, err := t.client.Agent().AgentHealthServiceByID("web-1")
		if err != nil {
			return "", err
		}
		return want(len(found) == 2 && byID != "", byName+" "+byID)
	}},
	{"agent service maintenance", func(t *tour) (string, error) {
		agent := t.client.Agent()
		if err := agent.EnableServiceMaintenance("web-2", "a new disk"); err != nil {
			return "", err
		}
		checks, err := agent.Checks()
		if err != nil {
			return "", err
		}
		_, there := checks["_service_maintenance:web-2"]
		if err := agent.DisableServiceMaintenance("web-2"); err != nil {
			return "", err
		}
		return want(there, len(checks))
	}},
	{"agent node maintenance", func(t *tour) (string, error) {
		agent := t.client.Agent()
		if err := agent.EnableNodeMaintenance("moving"); err != nil {
			return "", err
		}
		checks, err := agent.Checks()
		if err != nil {
			return "", err
		}
		_, there := checks["_node_maintenance"]
		return want(there, len(checks))
	}},
	{"agent node maintenance ends", func(t *tour) (string, error) {
		return "ended", t.client.Agent().DisableNodeMaintenance()
	}},
	{"agent check deregister", func(t *tour) (string, error) {
		return "gone", t.client.Agent().CheckDeregister("beat")
	}},
	{"agent reload", func(t *tour) (string, error) {
		return "reloaded", t.client.Agent().Reload()
	}},
	{"agent log lines", func(t *tour) (string, error) {
		stop := make(chan struct{})
		defer close(stop)
		lines, err := t.client.Agent().Monitor("debug", stop, nil)
		if err != nil {
			return "", err
		}
		end := time.After(10 * time.Second)
		for {
			_ = t.client.Agent().ForceLeave("seen-in-the-log")
			select {
			case text := <-lines:
				return want(text != "", len(text))
			case <-time.After(100 * time.Millisecond):
			case <-end:
				return "", fmt.Errorf("no line within 10 s")
			}
		}
	}},
}
