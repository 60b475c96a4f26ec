# Writes OUT, a C header with FILE and README.md of the folders FOLDERS: s_formats, an array of names and texts.
set(text "")
set(rows "")
foreach(folder ${FOLDERS})
    get_filename_component(name ${folder} NAME)
    string(MAKE_C_IDENTIFIER ${name} symbol)
    foreach(file ${FILE} README.md)
        string(MAKE_C_IDENTIFIER ${symbol}_${file} array)
        set(bytes "")
        if(EXISTS ${folder}/${file})
            file(READ ${folder}/${file} bytes HEX)
            string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
        endif()
        string(APPEND text "static const unsigned char s_${array}[] = {${bytes}0};\n")
    endforeach()
    string(MAKE_C_IDENTIFIER ${symbol}_${FILE} array)
    string(APPEND rows "    {\"${name}\", s_${array}, sizeof s_${array} - 1, "
                       "s_${symbol}_README_md, sizeof s_${symbol}_README_md - 1},\n")
endforeach()
file(WRITE ${OUT} "${text}
static const struct {
    const char *name;
    const void *text;
    size_t text_len;
    const void *readme;
    size_t readme_len;
} s_formats[] = {
${rows}};
")
