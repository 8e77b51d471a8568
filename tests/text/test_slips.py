"""What people mistype: the error underlines the word and says what was likely meant."""

import pytest

from natc.errors import DumpError
from natc.text.reader import read

#: A line of the filter table, and what follows the place of the file in its error.
SLIPS = {
    "-A INPTU -j ACCEPT": "4: there is no chain 'INPTU' in table filter (expected INPUT)",
    "-A INPUT -j accept": "13: there is no chain, verdict or target 'accept' in this table (expected ACCEPT)",
    "-A INPUT -j WEBB": "13: there is no chain, verdict or target 'WEBB' in this table (expected WEB)",
    "-A INPUT -j MASQERADE": (
        "13: there is no chain, verdict or target 'MASQERADE' in this table (expected MASQUERADE)"
    ),
    "-A INPUT -m string --string x": "13: string needs --algo",
    "-A INPUT -m conntrack -j DROP": (
        "13: conntrack needs --ctstate, --ctproto, --ctorigsrc, --ctorigdst, --ctreplsrc, --ctrepldst, ..."
    ),
    "-A INPUT -p tcp --dport 80,443": (
        "25: did not expect '80,443' (expected one port or a range; for several -m multiport --dports)"
    ),
    "-A INPUT -p tcp \u2014dport 22": "17: did not expect '\u2014dport' (expected a hyphen: this is another dash, ",
    "-A INPUT -j DROP # no": "18: did not expect '#' (expected a comment on a line of its own, ",
    "iptables -A INPUT -j DROP": "1: did not expect 'iptables' (expected the words behind the name",
}


@pytest.mark.parametrize("line", SLIPS)
def test_the_word_is_underlined_and_what_was_meant_is_said(line):
    with pytest.raises(DumpError) as caught:
        read(f"*filter\n:WEB - [0:0]\n{line}\nCOMMIT\n")
    assert str(caught.value).startswith(f"<text>:3:{SLIPS[line]}")
