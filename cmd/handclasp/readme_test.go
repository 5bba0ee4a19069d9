package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestREADME: the diagnosis in the README is what the command says.
func TestREADME(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "$ handclasp lab '")
	name, rest, _ := strings.Cut(rest, "'")
	_, rest, _ = strings.Cut(rest, "\n$ handclasp diagnose --ca handclasp-ca.pem localhost:8444\n")
	want, _, ok := strings.Cut(rest, "\n```")
	if !ok {
		t.Fatal("there is no diagnosis in the README")
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	ctx, cancel := context.WithCancel(t.Context())
	log, done := new(buffer), make(chan int, 1)
	go func() {
		done <- run(ctx, []string{"lab", name, "--listen", "127.0.0.1:0", "--ca-out", ca}, strings.NewReader(""), io.Discard, log)
	}()
	defer func() {
		cancel()
		<-done
	}()
	var at []string
	for range 1000 {
		if at = listening.FindStringSubmatch(log.String()); at != nil {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if at == nil {
		t.Fatalf("lab does not listen: %s", log)
	}
	var out, said bytes.Buffer
	if code := run(t.Context(), []string{"diagnose", "--ca", ca, "localhost:" + at[1]}, strings.NewReader(""), &out, &said); code != exitFailed {
		t.Fatalf("exit code %d: %s", code, said.String())
	}
	got := strings.NewReplacer("localhost:"+at[1], "localhost:8444", ca, "handclasp-ca.pem").Replace(strings.TrimSpace(out.String()))
	seconds := regexp.MustCompile(`[0-9.]+ m?s\.$`)
	if seconds.ReplaceAllString(got, "") != seconds.ReplaceAllString(want, "") {
		t.Errorf("the command says\n%s\n\nand the README\n%s", got, want)
	}
}
