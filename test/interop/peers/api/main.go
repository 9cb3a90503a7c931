// A tour of a Consul agent's HTTP API with the official client. It prints one JSON line for each
// step: {"step": …, "ok": …, "got": …}, and goes on after a failure.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"

	"github.com/hashicorp/consul/api"
)

// A step answers with what was got, for the reader, or with what was wrong with it.
type step struct {
	name string
	run  func(t *tour) (string, error)
}

type tour struct {
	client *api.Client
	// The address of the agent, for watch plans, which make a client of their own.
	address string
	// The agent's node name, known after the first step.
	node string
}

type line struct {
	Step string `json:"step"`
	OK   bool   `json:"ok"`
	Got  string `json:"got"`
}

func main() {
	address := flag.String("http-addr", "127.0.0.1:8500", "address of the agent")
	flag.Parse()
	config := api.DefaultConfig()
	config.Address = *address
	client, err := api.NewClient(config)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	t := &tour{client: client, address: *address}
	out := json.NewEncoder(os.Stdout)
	for _, steps := range [][]step{
		agentSteps, catalogSteps, storageSteps, lockSteps, clusterSteps, querySteps, configSteps, watchSteps,
	} {
		for _, s := range steps {
			got, err := s.attempt(t)
			if err != nil {
				got = err.Error()
			}
			if err := out.Encode(line{Step: s.name, OK: err == nil, Got: got}); err != nil {
				os.Exit(1)
			}
		}
	}
}

// attempt turns a panic, as of an answer without an expected part, into a failed step.
func (s step) attempt(t *tour) (got string, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v", cause)
		}
	}()
	return s.run(t)
}

// want fails with what was got when the condition does not hold.
func want(holds bool, got any) (string, error) {
	text := fmt.Sprintf("%v", got)
	if !holds {
		return "", fmt.Errorf("unexpected: %s", text)
	}
	return text, nil
}
