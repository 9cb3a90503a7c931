package main

import "github.com/hashicorp/consul/api"

var configSteps = []step{
	{"config entries: set, get", func(t *tour) (string, error) {
		entries := t.client.ConfigEntries()
		for _, entry := range []api.ConfigEntry{
			&api.ProxyConfigEntry{Kind: api.ProxyDefaults, Name: api.ProxyConfigGlobal, Config: map[string]any{"protocol": "http"}},
			&api.ServiceConfigEntry{Kind: api.ServiceDefaults, Name: "web", Protocol: "http"},
		} {
			if _, _, err := entries.Set(entry, nil); err != nil {
				return "", err
			}
		}
		entry, _, err := entries.Get(api.ProxyDefaults, api.ProxyConfigGlobal, nil)
		if err != nil {
			return "", err
		}
		defaults, ok := entry.(*api.ProxyConfigEntry)
		return want(ok && defaults.Config["protocol"] == "http", entry.GetModifyIndex())
	}},
	{"config entries: check-and-set", func(t *tour) (string, error) {
		entries := t.client.ConfigEntries()
		entry := &api.ServiceConfigEntry{Kind: api.ServiceDefaults, Name: "web", Protocol: "grpc"}
		refused, _, err := entries.CAS(entry, 1, nil)
		if err != nil {
			return "", err
		}
		now, _, err := entries.Get(api.ServiceDefaults, "web", nil)
		if err != nil {
			return "", err
		}
		changed, _, err := entries.CAS(entry, now.GetModifyIndex(), nil)
		if err != nil {
			return "", err
		}
		return want(!refused && changed, changed)
	}},
	{"config entries: list", func(t *tour) (string, error) {
		found, _, err := t.client.ConfigEntries().List(api.ServiceDefaults, nil)
		if err != nil {
			return "", err
		}
		return want(len(found) == 1 && found[0].GetName() == "web", len(found))
	}},
	{"config entries: delete", func(t *tour) (string, error) {
		entries := t.client.ConfigEntries()
		if _, err := entries.Delete(api.ServiceDefaults, "web", nil); err != nil {
			return "", err
		}
		if _, err := entries.Delete(api.ProxyDefaults, api.ProxyConfigGlobal, nil); err != nil {
			return "", err
		}
		left, _, err := entries.List(api.ServiceDefaults, nil)
		if err != nil {
			return "", err
		}
		return want(len(left) == 0, len(left))
	}},
}
