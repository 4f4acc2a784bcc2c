// The serialized google.protobuf.FileDescriptorSet of every .proto file, in read-only pages that cost
// nothing until somebody reads them. src/config/descriptors.h declares the two symbols.
    .section .rodata.weir_descriptors, "a", @progbits
    .balign 16
    .globl weir_descriptor_set_begin
    .globl weir_descriptor_set_end
weir_descriptor_set_begin:
    .incbin WEIR_DESCRIPTOR_SET
weir_descriptor_set_end:
    .byte 0
    .section .note.GNU-stack, "", @progbits
