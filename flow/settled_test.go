package flow

import (
	"crypto/x509"
	"reflect"
	"testing"
	"unsafe"
)

// TestSettled: whatever field of Info has a value, it is there again.
func TestSettled(t *testing.T) {
	samples := map[reflect.Type]any{
		reflect.TypeFor[*Verdict](): new(Verdict), reflect.TypeFor[*x509.Certificate](): new(x509.Certificate),
		reflect.TypeFor[[]byte](): []byte{1}, reflect.TypeFor[[][]byte](): [][]byte{{1}}, reflect.TypeFor[[32]byte](): [32]byte{1},
		reflect.TypeFor[EarlyData](): EarlyData{Max: 1},
	}
	all, fields := Info{}, reflect.TypeFor[Info]()
	check := func(name string, i Info) {
		t.Helper()
		if got := i.Settle().Info(); !reflect.DeepEqual(got, i) {
			t.Errorf("%s: %+v became %+v", name, i, got)
		}
	}
	for n := range fields.NumField() {
		var one Info
		for _, i := range []*Info{&one, &all} {
			switch v := reflect.ValueOf(i).Elem().Field(n); {
			case v.CanInt():
				v.SetInt(1)
			case v.CanUint():
				v.SetUint(1)
			case v.Kind() == reflect.Bool:
				v.SetBool(true)
			case v.Kind() == reflect.String:
				v.SetString("x")
			default:
				v.Set(reflect.ValueOf(samples[v.Type()]))
			}
		}
		check(fields.Field(n).Name, one)
	}
	check("all", all)
	check("none", Info{})
	if n := unsafe.Sizeof(Settled{}); n > 112 {
		t.Errorf("%d bytes", n)
	}
}
