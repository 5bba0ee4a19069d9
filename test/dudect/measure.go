package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// A target is something that is not to tell by its time which class its input is of.
type target struct {
	name, classes string
	leaks         bool // a control, which does tell
	slow          bool // it needs four times the time for as much certainty

	// begin makes what all trials share. What it returns prepares a trial of class 0
	// or 1, which is then timed. Preparing takes the same steps for both classes.
	begin func() (prepare func(class int) (trial func(), err error), err error)
}

const (
	warming = 200  // trials that do not count
	batch   = 1000 // trials between two collections of garbage
)

// measure times trials of both classes in random order for so long.
func (t target) measure(long time.Duration) (outcome, error) {
	prepare, err := t.begin()
	if err != nil {
		return outcome{}, err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // not in the middle of a trial
	if t.slow {
		long *= 4
	}
	var samples []sample
	for i, end := 0, time.Now().Add(long); time.Now().Before(end); i++ {
		if i%batch == 0 {
			runtime.GC()
		}
		class := rand.IntN(2)
		trial, err := prepare(class)
		if err != nil {
			return outcome{}, err
		}
		began := time.Now()
		trial()
		took := time.Since(began)
		if i >= warming {
			samples = append(samples, sample{class, float64(took.Nanoseconds())})
		}
	}
	return judge(samples), nil
}

// machine says on what the times were taken.
func machine() string {
	return fmt.Sprintf("%s, %d cores, %s/%s, %s", processor(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if name, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}
