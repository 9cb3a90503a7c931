module lines

go 1.21
