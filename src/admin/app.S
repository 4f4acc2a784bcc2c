// app.html, in read-only pages. src/admin/home_page.cc declares the two symbols.
    .section .rodata.weir_admin_app, "a", @progbits
    .globl weir_admin_app_begin
    .globl weir_admin_app_end
weir_admin_app_begin:
    .incbin WEIR_ADMIN_APP
weir_admin_app_end:
    .byte 0
    .section .note.GNU-stack, "", @progbits
