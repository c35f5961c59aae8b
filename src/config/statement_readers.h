// The readers of statements that are more than one word with one meaning. What a statement may say alone is
// judged here; what it may not say beside others is judged for the whole file.
#pragma once

#include "statement_line.h"

namespace mptunnel {

void read_client_listen(StatementLine& line, ClientConfig& config);
void read_server_listen(StatementLine& line, ServerConfig& config);
void read_bridge(StatementLine& line, ClientConfig& config);
void read_target(StatementLine& line, ServerConfig& config);
void read_dev_exclude(StatementLine& line, ClientConfig& config);
void read_key_file(StatementLine& line, CommonConfig& config);
void read_control(StatementLine& line, CommonConfig& config);

}  // namespace mptunnel
