//go:build consul19

package main

import (
	"errors"

	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/serf/serf"
)

// setListNews refuses what the memberlist of Consul 1.9 does not know.
func setListNews(_ *memberlist.Config, o options) error {
	if o.Label != "" || o.SkipInboundLabelCheck || o.NewTimeFormat {
		return errors.New("this memberlist knows neither labels nor time formats")
	}
	return nil
}

func setSerfNews(*serf.Config, options) {}
