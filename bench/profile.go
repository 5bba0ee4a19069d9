package main

import (
	"os"
	"runtime"
	"runtime/pprof"
)

// profile writes what runs, and what is allocated, up to when stop is called. An
// empty name means no such profile.
func profile(cpu, mem string) (stop func(), err error) {
	var running *os.File
	if cpu != "" {
		if running, err = os.Create(cpu); err != nil {
			return nil, err
		}
		if err := pprof.StartCPUProfile(running); err != nil {
			return nil, err
		}
	}
	if mem != "" {
		runtime.MemProfileRate = 1 // each object
	}
	return func() {
		if running != nil {
			pprof.StopCPUProfile()
			running.Close()
		}
		if mem == "" {
			return
		}
		if f, err := os.Create(mem); err == nil {
			pprof.Lookup("allocs").WriteTo(f, 0)
			f.Close()
		}
	}, nil
}
