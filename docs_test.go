package handclasp_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSecurityPointers: the files and tests that docs/security.md points at are
// there.
func TestSecurityPointers(t *testing.T) {
	page, err := os.ReadFile("docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	files := regexp.MustCompile(`[\w/]+\.go\b`).FindAll(page, -1)
	if len(files) < 20 {
		t.Errorf("only %d files are named", len(files))
	}
	var all []byte
	for _, f := range files {
		b, err := os.ReadFile(filepath.FromSlash(string(f)))
		if err != nil {
			t.Errorf("it points at %v", err)
		}
		all = append(all, b...)
	}
	for _, name := range regexp.MustCompile(`\bTest[A-Z]\w+`).FindAll(page, -1) {
		if !bytes.Contains(all, append([]byte("func "), name...)) {
			t.Errorf("%s is in none of the files", name)
		}
	}
}

// TestFuzzTargets: docs/testing.md names each fuzz target there is, with its package or
// in the table of primitives, and no other.
func TestFuzzTargets(t *testing.T) {
	page, err := os.ReadFile("docs/testing.md")
	if err != nil {
		t.Fatal(err)
	}
	target := regexp.MustCompile(`\bFuzz[A-Z]\w*`)
	named := make(map[string]bool) // "package Target", or " Target" where no package stands before it
	for line := range strings.Lines(string(page)) {
		cell, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " |")
		in, list, ok := strings.Cut(cell, ": Fuzz")
		if !ok {
			in, list = "", line
		} else {
			list = "Fuzz" + list
		}
		for _, name := range target.FindAllString(list, -1) {
			named[in+" "+name] = true
		}
	}
	there := make(map[string]bool)
	err = filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		src, err := os.ReadFile(path)
		in := filepath.ToSlash(filepath.Dir(path))
		for _, m := range regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`).FindAllSubmatch(src, -1) {
			name := string(m[1])
			there[name] = true
			if !named[in+" "+name] && !named[" "+name] {
				t.Errorf("%s of %s is not there", name, in)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range named {
		if _, name, _ = strings.Cut(name, " "); !there[name] {
			t.Errorf("there is no %s", name)
		}
	}
}
