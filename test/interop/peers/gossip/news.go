//go:build !consul19

package main

import (
	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/serf/serf"
)

// setListNews sets what memberlist has learned since the version of Consul 1.9.
func setListNews(config *memberlist.Config, o options) error {
	config.Label = o.Label
	config.SkipInboundLabelCheck = o.SkipInboundLabelCheck
	config.MsgpackUseNewTimeFormat = o.NewTimeFormat
	return nil
}

func setSerfNews(config *serf.Config, o options) {
	config.MsgpackUseNewTimeFormat = o.NewTimeFormat
}
