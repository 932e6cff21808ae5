package approval_test

import (
	"testing"

	"github.com/getweir/weir/approval"
	"github.com/getweir/weir/store/storetest"
)

func TestFolder(t *testing.T) {
	storetest.Policies(t, func(t *testing.T, dir string) (approval.Versions, func()) {
		return approval.OpenFolder(dir), func() {}
	})
}
