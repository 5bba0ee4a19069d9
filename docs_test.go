package handclasp_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
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

// sections9846 is how many sections each of RFC 9846's has, by its table of contents:
// "" those of the first level, appendices by their letters.
var sections9846 = map[string]int{
	"": 11, "1": 4, "2": 3, "3": 8, "4": 7, "4.2": 4, "4.3": 11, "4.3.8": 2, "4.3.11": 3, "4.4": 2, "4.5": 3, "4.5.1": 3, "4.7": 3,
	"5": 5, "6": 2, "7": 5, "7.4": 2, "8": 3, "9": 3, "11": 1,
	"A": 2, "B": 4, "B.3": 5, "B.3.1": 4, "C": 5, "E": 5, "F": 10, "F.1": 6, "F.2": 1, "F.5": 1,
}

// TestSections: the sections of RFC 9846 that the code, its texts and the docs name
// are there. (Those of RFC 8446 bear other numbers.)
func TestSections(t *testing.T) {
	named := regexp.MustCompile(`RFC 9846, (Sections?|Appendix) ([0-9A-Z]+(?:\.[0-9]+)*)`)
	seen := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if ext := filepath.Ext(path); err != nil || d.IsDir() || ext != ".go" && ext != ".md" {
			return err
		}
		b, err := os.ReadFile(path)
		for _, m := range named.FindAllSubmatch(b, -1) {
			seen++
			section := string(m[2])
			above, last := "", section
			if i := strings.LastIndexByte(section, '.'); i >= 0 {
				above, last = section[:i], section[i+1:]
			}
			n, notNumber := strconv.Atoi(last)
			appendix := notNumber != nil && len(last) == 1 && last <= "G"
			if !appendix && (n < 1 || n > sections9846[above]) || (string(m[1]) == "Appendix") != (section[0] >= 'A') {
				t.Errorf("%s: there is no %s", path, m[0])
			}
		}
		return err
	})
	if err != nil || seen < 300 {
		t.Errorf("%d sections are named: %v", seen, err)
	}
}
