//go:build !amd64

package inspect

var kernels []func(*sheet, []byte, int)

var glances []func(*glance, *surroundings)
