package main

import (
	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/serf/coordinate"
)

// wanted is a coordinate of the eight dimensions that Consul asks for.
func wanted() *coordinate.Coordinate {
	return coordinate.NewCoordinate(coordinate.DefaultConfig())
}

var querySteps = []step{
	{"prepared query: create, list, get, update", func(t *tour) (string, error) {
		query := t.client.PreparedQuery()
		definition := &api.PreparedQueryDefinition{
			Name:    "find-web",
			Service: api.ServiceQuery{Service: "web", Tags: []string{"blue"}},
			DNS:     api.QueryDNSOptions{TTL: "10s"},
		}
		id, _, err := query.Create(definition, nil)
		if err != nil {
			return "", err
		}
		definition.ID = id
		definition.Service.OnlyPassing = false
		definition.Service.Failover = api.QueryFailoverOptions{NearestN: 2, Datacenters: []string{"dc1"}}
		if _, err := query.Update(definition, nil); err != nil {
			return "", err
		}
		all, _, err := query.List(nil)
		if err != nil {
			return "", err
		}
		one, _, err := query.Get(id, nil)
		if err != nil {
			return "", err
		}
		return want(len(all) == 1 && len(one) == 1 && one[0].Service.Failover.NearestN == 2 && one[0].DNS.TTL == "10s", id)
	}},
	{"prepared query: execute", func(t *tour) (string, error) {
		found, _, err := t.client.PreparedQuery().Execute("find-web", &api.QueryOptions{Near: "_agent"})
		if err != nil {
			return "", err
		}
		return want(found.Service == "web" && len(found.Nodes) == 1 && found.DNS.TTL == "10s", len(found.Nodes))
	}},
	{"prepared query: template", func(t *tour) (string, error) {
		query := t.client.PreparedQuery()
		definition := &api.PreparedQueryDefinition{
			Name:     "any-",
			Template: api.QueryTemplate{Type: "name_prefix_match"},
			Service:  api.ServiceQuery{Service: "${name.suffix}"},
		}
		id, _, err := query.Create(definition, nil)
		if err != nil {
			return "", err
		}
		found, _, err := query.Execute("any-web", nil)
		if err != nil {
			return "", err
		}
		if _, err := query.Delete(id, nil); err != nil {
			return "", err
		}
		return want(len(found.Nodes) == 2, len(found.Nodes))
	}},
	{"prepared query: delete", func(t *tour) (string, error) {
		query := t.client.PreparedQuery()
		all, _, err := query.List(nil)
		if err != nil {
			return "", err
		}
		for _, one := range all {
			if _, err := query.Delete(one.ID, nil); err != nil {
				return "", err
			}
		}
		left, _, err := query.List(nil)
		if err != nil {
			return "", err
		}
		return want(len(left) == 0, len(left))
	}},
}
