package fault_test

import (
	"github.com/handclasp/handclasp/fault"
)

var ofExtras = map[*fault.Rule]scenario{
	fault.ALPNMissing: by(fault.Client, func(p *pair) { p.client.NextProtos, p.client.RequireALPN = []string{"h2"}, true }),
}
