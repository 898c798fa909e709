# forward.pl PORT SOCKET: connections to 127.0.0.1:PORT go to a UNIX socket, for a client that can open none in a sandbox without network.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;

my ($port, $path) = @ARGV;
$SIG{CHLD} = 'IGNORE';
my $server = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 16, ReuseAddr => 1) or die "listen: $!";
while (my $client = $server->accept) {
    next if fork;
    my $upstream = IO::Socket::UNIX->new(Peer => $path) or die "$path: $!";
    my %other = ($client => $upstream, $upstream => $client);
    my $select = IO::Select->new($client, $upstream);
    while (1) {
        for my $from ($select->can_read) {
            sysread($from, my $bytes, 65536) or exit;
            my $to = $other{$from};
            for (my $done = 0; $done < length $bytes;) {
                my $written = syswrite($to, $bytes, length($bytes) - $done, $done) or exit;
                $done += $written;
            }
        }
    }
}
