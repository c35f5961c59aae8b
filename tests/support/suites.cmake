# One ctest entry for each suite of a GoogleTest program, named PROGRAM.SUITE. (gtest_discover_tests makes one for each test: some
# 1,900 processes, which costs minutes where sanitizers slow down the start of each.)
#
#     mptunnel_discover_suites(PROGRAM LABEL [BY COMMAND...] [WITHOUT TEST...])     # at configuration
#
# BY COMMAND starts the program; tests of WITHOUT, as GoogleTest's filter names them, are not run.
# ctest includes this file again, with `program`, `name`, `label`, `by` and `without` set, and asks the program for its suites.
if(NOT DEFINED CMAKE_PROJECT_NAME)
  if(NOT EXISTS "${program}")
    add_test("${name}_NOT_BUILT" "${name}_NOT_BUILT")
    return()
  endif()
  execute_process(COMMAND "${program}" --gtest_list_tests "--gtest_filter=-${without}" OUTPUT_VARIABLE list RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${program} does not list its tests: ${result}")
  endif()
  # Suites begin at the left margin and end with a dot, behind which there may be a remark.
  string(REGEX MATCHALL "(^|\n)[A-Za-z_][A-Za-z0-9_/]*\\." suites "${list}")
  foreach(suite ${suites})
    string(REGEX REPLACE "[\n.]" "" suite "${suite}")
    add_test("${name}.${suite}" ${by} "${program}" "--gtest_filter=${suite}.*-${without}")
    set_tests_properties("${name}.${suite}" PROPERTIES LABELS "${label}" SKIP_RETURN_CODE 77 COST 50)
  endforeach()
  return()
endif()

set(MPTUNNEL_SUITES_SCRIPT ${CMAKE_CURRENT_LIST_FILE})
function(mptunnel_discover_suites target label)
  cmake_parse_arguments(PARSE_ARGV 2 option "" "" "BY;WITHOUT")
  list(JOIN option_WITHOUT ":" without)
  set(file ${CMAKE_CURRENT_BINARY_DIR}/${target}_suites.cmake)
  file(GENERATE OUTPUT ${file} CONTENT "set(program \"$<TARGET_FILE:${target}>\")
set(name \"${target}\")
set(label \"${label}\")
set(by \"${option_BY}\")
set(without \"${without}\")
include(\"${MPTUNNEL_SUITES_SCRIPT}\")
")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${file})
endfunction()
