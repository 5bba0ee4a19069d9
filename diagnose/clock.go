package diagnose

import (
	"context"
	"net/http"
	"time"
)

// far is how much clocks may differ, and nobody cares.
const far = 5 * time.Minute

// clock asks the server for the time, which HTTP servers tell, when a certificate
// seems to be out of time: perhaps it is this machine's clock that is wrong.
func (d *diagnosis) clock(ctx context.Context) error {
	var theirs time.Time
	_, err := d.ask(ctx, "asking the server for the time", func(r *reply) string {
		t, err := http.ParseTime(r.header.Get("Date"))
		if err != nil {
			return "it does not tell"
		}
		theirs = t.UTC()
		return "by its Date it is " + theirs.Format(time.RFC3339)
	})
	if err != nil || theirs.IsZero() {
		return err
	}
	ours := d.o.Client.Time()
	if diff := theirs.Sub(ours).Abs(); diff > far {
		d.Findings = nil
		d.find("local-clock", Likely, "This machine says "+ours.UTC().Format(time.RFC3339)+", the server "+theirs.Format(time.RFC3339)+".",
			Evidence{Probe: "the Date of an HTTP answer", Outcome: theirs.Format(time.RFC3339)})
	}
	return nil
}
