package main

import (
	"fmt"
	"time"

	"github.com/hashicorp/consul/api"
)

// soon asks again and again until the answer satisfies.
func soon(what string, holds func() (bool, error)) (string, error) {
	end := time.Now().Add(10 * time.Second)
	for {
		held, err := holds()
		if err == nil && held {
			return what, nil
		}
		if time.Now().After(end) {
			return "", fmt.Errorf("%s did not happen within 10 s: %v", what, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

var catalogSteps = []step{
	{"catalog datacenters", func(t *tour) (string, error) {
		names, err := t.client.Catalog().Datacenters()
		if err != nil {
			return "", err
		}
		return want(len(names) == 1 && names[0] == "dc1", names)
	}},
	{"catalog register", func(t *tour) (string, error) {
		_, err := t.client.Catalog().Register(&api.CatalogRegistration{
			Node: "elsewhere", Address: "192.0.2.9", NodeMeta: map[string]string{"external": "true"},
			Service: &api.AgentService{ID: "db", Service: "db", Port: 5432, Tags: []string{"primary"}},
			Checks: api.HealthChecks{{
				Node: "elsewhere", CheckID: "db-up", Name: "up", ServiceID: "db", Status: api.HealthPassing,
				Definition: api.HealthCheckDefinition{TCP: "192.0.2.9:5432", IntervalDuration: time.Second},
			}},
		}, nil)
		return "registered", err
	}},
	{"catalog nodes, near and by metadata", func(t *tour) (string, error) {
		options := &api.QueryOptions{Near: "_agent", NodeMeta: map[string]string{"external": "true"}}
		nodes, meta, err := t.client.Catalog().Nodes(options)
		if err != nil {
			return "", err
		}
		return want(len(nodes) == 1 && nodes[0].Node == "elsewhere" && meta.LastIndex > 0 && meta.KnownLeader, len(nodes))
	}},
	{"catalog services", func(t *tour) (string, error) {
		return soon("web in the catalog", func() (bool, error) {
			services, _, err := t.client.Catalog().Services(nil)
			return len(services["web"]) == 3 && len(services["db"]) == 1, err
		})
	}},
	{"catalog service, several tags", func(t *tour) (string, error) {
		found, _, err := t.client.Catalog().ServiceMultipleTags("web", []string{"v1", "blue"}, nil)
		if err != nil {
			return "", err
		}
		return want(len(found) == 1 && found[0].ServiceTaggedAddresses["wan"].Port == 80, len(found))
	}},
	{"catalog service filtered", func(t *tour) (string, error) {
		found, _, err := t.client.Catalog().Service("web", "", &api.QueryOptions{Filter: "ServicePort == 8081"})
		if err != nil {
			return "", err
		}
		return want(len(found) == 1 && found[0].ServiceID == "web-2", len(found))
	}},
	{"catalog connect", func(t *tour) (string, error) {
		found, _, err := t.client.Catalog().Connect("web", "", nil)
		if err != nil {
			return "", err
		}
		return want(len(found) == 0, len(found))
	}},
	{"catalog node", func(t *tour) (string, error) {
		node, _, err := t.client.Catalog().Node("elsewhere", nil)
		if err != nil {
			return "", err
		}
		return want(node != nil && node.Services["db"].Port == 5432, node.Node.Address)
	}},
	{"catalog node services", func(t *tour) (string, error) {
		list, _, err := t.client.Catalog().NodeServiceList("elsewhere", nil)
		if err != nil {
			return "", err
		}
		return want(list.Node != nil && len(list.Services) == 1, len(list.Services))
	}},
	{"catalog gateway services", func(t *tour) (string, error) {
		found, _, err := t.client.Catalog().GatewayServices("none", nil)
		if err != nil {
			return "", err
		}
		return want(len(found) == 0, len(found))
	}},
	{"health node", func(t *tour) (string, error) {
		checks, _, err := t.client.Health().Node("elsewhere", nil)
		if err != nil {
			return "", err
		}
		return want(len(checks) == 1 && checks.AggregatedStatus() == api.HealthPassing, len(checks))
	}},
	{"health checks", func(t *tour) (string, error) {
		checks, _, err := t.client.Health().Checks("db", nil)
		if err != nil {
			return "", err
		}
		definition := checks[0].Definition
		return want(len(checks) == 1 && definition.TCP == "192.0.2.9:5432" && definition.IntervalDuration == time.Second, definition)
	}},
	{"health service passing, several tags", func(t *tour) (string, error) {
		return soon("web-1 passing", func() (bool, error) {
			found, _, err := t.client.Health().ServiceMultipleTags("web", []string{"blue"}, true, nil)
			return len(found) == 1 && found[0].Service.ID == "web-1", err
		})
	}},
	{"health service filtered", func(t *tour) (string, error) {
		options := &api.QueryOptions{Filter: `Service.Meta.team == "shop" and Checks.Status == "passing"`}
		found, _, err := t.client.Health().Service("web", "", false, options)
		if err != nil {
			return "", err
		}
		return want(len(found) == 1, len(found))
	}},
	{"health service, cached", func(t *tour) (string, error) {
		options := &api.QueryOptions{UseCache: true, MaxAge: time.Minute}
		if _, _, err := t.client.Health().Service("web", "", false, options); err != nil {
			return "", err
		}
		_, meta, err := t.client.Health().Service("web", "", false, options)
		if err != nil {
			return "", err
		}
		return want(meta.CacheHit, meta.CacheAge)
	}},
	{"health service, blocking", func(t *tour) (string, error) {
		_, meta, err := t.client.Health().Service("web", "", false, nil)
		if err != nil {
			return "", err
		}
		time.AfterFunc(200*time.Millisecond, func() {
			_ = t.client.Agent().UpdateTTL("web-ttl", "tired", "warn")
		})
		began := time.Now()
		options := &api.QueryOptions{WaitIndex: meta.LastIndex, WaitTime: 20 * time.Second}
		found, after, err := t.client.Health().Service("web", "", false, options)
		if err != nil {
			return "", err
		}
		return want(after.LastIndex > meta.LastIndex && time.Since(began) < 10*time.Second && len(found) == 2, after.LastIndex)
	}},
	{"health connect and ingress", func(t *tour) (string, error) {
		connect, _, err := t.client.Health().Connect("web", "", false, nil)
		if err != nil {
			return "", err
		}
		ingress, _, err := t.client.Health().Ingress("web", false, nil)
		if err != nil {
			return "", err
		}
		return want(len(connect)+len(ingress) == 0, len(connect)+len(ingress))
	}},
	{"health state", func(t *tour) (string, error) {
		return soon("a warning", func() (bool, error) {
			checks, _, err := t.client.Health().State(api.HealthWarning, nil)
			return len(checks) == 1 && checks[0].CheckID == "web-ttl" && checks[0].Output == "tired", err
		})
	}},
	{"stale and consistent reads", func(t *tour) (string, error) {
		for _, options := range []*api.QueryOptions{{AllowStale: true}, {RequireConsistent: true}} {
			if _, _, err := t.client.Catalog().Nodes(options); err != nil {
				return "", err
			}
		}
		return "both", nil
	}},
	{"catalog deregister", func(t *tour) (string, error) {
		if _, err := t.client.Catalog().Deregister(&api.CatalogDeregistration{Node: "elsewhere"}, nil); err != nil {
			return "", err
		}
		node, _, err := t.client.Catalog().Node("elsewhere", nil)
		if err != nil {
			return "", err
		}
		return want(node == nil, node)
	}},
}
