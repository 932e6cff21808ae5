module github.com/getweir/weir/bench/s3

go 1.26.0

require (
	github.com/getweir/weir v0.0.0
	github.com/rclone/gofakes3 v0.0.12
)

require (
	github.com/klauspost/compress v1.20.3 // indirect
	github.com/minio/xxml v0.0.3 // indirect
	github.com/ryszard/goskiplist v0.0.0-20150312221310-2dfbae5fcf46 // indirect
	github.com/shabbyrobe/gocovmerge v0.0.0-20230507112040-c3350d9342df // indirect
	golang.org/x/mod v0.42.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/tools v0.52.0 // indirect
)

replace github.com/getweir/weir => ../..
