#include "textflag.h"

// The bytes that are compared with.
DATA quote<>+0(SB)/8, $0x2222222222222222
GLOBL quote<>(SB), RODATA|NOPTR, $8
DATA slash<>+0(SB)/8, $0x5c5c5c5c5c5c5c5c
GLOBL slash<>(SB), RODATA|NOPTR, $8
DATA colon<>+0(SB)/8, $0x3a3a3a3a3a3a3a3a
GLOBL colon<>(SB), RODATA|NOPTR, $8
DATA fold<>+0(SB)/8, $0x2626262626262626
GLOBL fold<>(SB), RODATA|NOPTR, $8
DATA del<>+0(SB)/8, $0x7f7f7f7f7f7f7f7f
GLOBL del<>(SB), RODATA|NOPTR, $8
DATA todigit<>+0(SB)/8, $0x5050505050505050
GLOBL todigit<>(SB), RODATA|NOPTR, $8
DATA nodigit<>+0(SB)/8, $0x8a8a8a8a8a8a8a8a
GLOBL nodigit<>(SB), RODATA|NOPTR, $8
DATA zero<>+0(SB)/8, $0x3030303030303030
GLOBL zero<>(SB), RODATA|NOPTR, $8
DATA at<>+0(SB)/8, $0x4040404040404040
GLOBL at<>(SB), RODATA|NOPTR, $8
DATA percent<>+0(SB)/8, $0x2525252525252525
GLOBL percent<>(SB), RODATA|NOPTR, $8
DATA plus<>+0(SB)/8, $0x2b2b2b2b2b2b2b2b
GLOBL plus<>(SB), RODATA|NOPTR, $8

// func classifyAVX2(b *byte, ms *marks, n int)
//
// Each block is two registers of 32 bytes (Y0, Y1). A comparison sets the bytes
// that are of a kind, and VPMOVMSKB gathers their top bits: the second half's move
// up by 32. Digits are those that, moved up by 0x50, are below 0x8a as signed
// bytes; low bytes are those below '0' and not negative.
TEXT ·classifyAVX2(SB), NOSPLIT, $0-24
	MOVQ b+0(FP), SI
	MOVQ ms+8(FP), DI
	MOVQ n+16(FP), CX
	VPBROADCASTB quote<>(SB), Y15
	VPBROADCASTB slash<>(SB), Y14
	VPBROADCASTB colon<>(SB), Y13
	VPBROADCASTB fold<>(SB), Y12
	VPBROADCASTB del<>(SB), Y11
	VPBROADCASTB todigit<>(SB), Y10
	VPBROADCASTB nodigit<>(SB), Y9
	VPBROADCASTB zero<>(SB), Y8
	VPBROADCASTB at<>(SB), Y7
	VPBROADCASTB percent<>(SB), Y6
	VPBROADCASTB plus<>(SB), Y5

loop:
	VMOVDQU (SI), Y0
	VMOVDQU 32(SI), Y1

	// quote
	VPCMPEQB Y0, Y15, Y2
	VPCMPEQB Y1, Y15, Y3
	VPMOVMSKB Y2, AX
	VPMOVMSKB Y3, BX
	SHLQ $32, BX
	ORQ BX, AX
	MOVQ AX, 0(DI)

	// slash
	VPCMPEQB Y0, Y14, Y2
	VPCMPEQB Y1, Y14, Y3
	VPMOVMSKB Y2, AX
	VPMOVMSKB Y3, BX
	SHLQ $32, BX
	ORQ BX, AX
	MOVQ AX, 8(DI)

	// colon
	VPCMPEQB Y0, Y13, Y2
	VPCMPEQB Y1, Y13, Y3
	VPMOVMSKB Y2, AX
	VPMOVMSKB Y3, BX
	SHLQ $32, BX
	ORQ BX, AX
	MOVQ AX, 16(DI)

	// brace
	VPOR Y0, Y12, Y2
	VPOR Y1, Y12, Y3
	VPCMPEQB Y2, Y11, Y2
	VPCMPEQB Y3, Y11, Y3
	VPMOVMSKB Y2, AX
	VPMOVMSKB Y3, BX
	SHLQ $32, BX
	ORQ BX, AX
	MOVQ AX, 24(DI)

	// digit
	VPADDB Y0, Y10, Y2
	VPADDB Y1, Y10, Y3
	VPCMPGTB Y2, Y9, Y2
	VPCMPGTB Y3, Y9, Y3
	VPMOVMSKB Y2, AX
	VPMOVMSKB Y3, BX
	SHLQ $32, BX
	ORQ BX, AX
	MOVQ AX, 32(DI)

	// high
	VPMOVMSKB Y0, R8
	VPMOVMSKB Y1, BX
	SHLQ $32, BX
	ORQ BX, R8
	MOVQ R8, 56(DI)

	// low
	VPCMPGTB Y0, Y8, Y2
	VPCMPGTB Y1, Y8, Y3
	VPMOVMSKB Y2, AX
	VPMOVMSKB Y3, BX
	SHLQ $32, BX
	ORQ BX, AX
	NOTQ R8
	ANDQ R8, AX
	MOVQ AX, 40(DI)

	// sign
	VPCMPEQB Y0, Y7, Y2
	VPCMPEQB Y1, Y7, Y3
	VPCMPEQB Y0, Y6, Y4
	VPOR Y4, Y2, Y2
	VPCMPEQB Y1, Y6, Y4
	VPOR Y4, Y3, Y3
	VPCMPEQB Y0, Y5, Y4
	VPOR Y4, Y2, Y2
	VPCMPEQB Y1, Y5, Y4
	VPOR Y4, Y3, Y3
	VPMOVMSKB Y2, AX
	VPMOVMSKB Y3, BX
	SHLQ $32, BX
	ORQ BX, AX
	MOVQ AX, 48(DI)

	ADDQ $64, SI
	ADDQ $64, DI
	DECQ CX
	JNZ loop
	VZEROUPPER
	RET
