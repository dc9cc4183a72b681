using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Target;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Tests.Code.Bodies;

[Collection(NativeCode.Name)]
public sealed class EncodingCheckTests
{
    /// <summary>The detector is shown every single wrong bit of some functions: it must see all that change what the code says.</summary>
    [Theory]
    [InlineData("set_and_cmov")]
    [InlineData("rip_relative")]
    [InlineData("divide")]
    [InlineData("switch_dense")]
    public void Every_wrong_bit_is_caught(string name)
    {
        var graph = NativeProgram.With("-O2").Graph(name);
        var body = BodyBuilder.Copy(graph, graph.Entry.Start, false).Value;
        var code = CodeLayout.Encode(body, graph.Entry.Start + 0x10_0000).Value;
        var text = Text(code);
        for (var bit = 0; bit < code.Bytes.Length * 8; bit++)
        {
            // Between the code and the table lie bytes that nobody reads.
            if (bit / 8 >= code.CodeBytes && (ulong)(bit / 8) < ((ulong)code.CodeBytes + 7 & ~7UL)) continue;
            code.Bytes[bit / 8] ^= (byte)(1 << bit % 8);
            if (EncodingCheck.Compare(body, code).IsDone) Assert.Equal(text, bit / 8 < code.CodeBytes ? Text(code) : $"bit {bit} of the table");
            code.Bytes[bit / 8] ^= (byte)(1 << bit % 8);
        }
    }

    [Fact]
    public void Absolute_table_behind_a_base_register_is_the_copys_own()
    {
        var program = NativeProgram.With("-O2");
        var memory = new ExecutableMemory(program, 4096);
        var old = memory.At + 0x10_0000;
        var body = WithTable(old, Instruction.Create(Iced.Intel.Code.Lea_r64_m, Register.RAX, new MemoryOperand(Register.RIP, (long)old.Value)), c => c.jmp(__qword_ptr[rax + rdi * 8]));
        var code = CodeLayout.Encode(body, memory.At).Value;
        memory.Fill(code.Bytes);
        for (var a = 0L; a < 16; a++) Assert.Equal(100 + (a & 3), Calls.Make(code.Entries[0], new CallInput(a, 0, 0, new byte[256], 0, 0)).Value);
    }

    [Fact]
    public void Absolute_table_in_the_jump_itself_must_lie_low()
    {
        var old = new Address(0x60_0000);
        var body = WithTable(old, Instruction.Create(Iced.Intel.Code.Nopd), c => c.jmp(__qword_ptr[rdi * 8 + (long)old.Value]));
        Assert.True(CodeLayout.Encode(body, new Address(0x50_0000)).IsDone);
        Assert.Equal(Reasons.TableOutOfReach, CodeLayout.Encode(body, new Address(0x1_0050_0000)).Refusal.Reason);
    }

    /// <summary>and edi, 3; (load); jmp through a table of four; each case returns 100 and its number.</summary>
    private static FunctionBody WithTable(Address old, Instruction load, Action<Assembler> jump)
    {
        var body = new FunctionBody(HandMade.Function);
        var head = body.NewBlock();
        head.Instructions.AddRange(HandMade.Assemble(c => c.and(edi, 3)));
        var anchor = load with { IP = 0x1001 };
        head.Instructions.Add(anchor);
        var end = HandMade.Assemble(jump)[0] with { IP = 0x1002 };
        var cases = Enumerable.Range(100, 4).Select(n => HandMade.Add(body, HandMade.Return, HandMade.Assemble(c => c.mov(eax, n)))).ToList();
        var holder = anchor.Mnemonic == Mnemonic.Lea ? new Address(0x1001) : (Address?)null;
        var table = new JumpTable(JumpTableKind.Absolute, old, [new(1), new(2), new(3), new(4)], new Address(0x1002), holder);
        head.End = new Terminator.Table(end, table, cases, true);
        body.Entries.Add(head);
        body.Rebuild();
        return body;
    }

    private static string Text(EncodedCode code)
    {
        var decoder = Decoder.Create(64, new ByteArrayCodeReader(code.Bytes, 0, code.CodeBytes), code.At.Value);
        var lines = new List<string>();
        while (decoder.IP < (code.At + code.CodeBytes).Value) lines.Add($"{decoder.Decode()}");
        return string.Join('\n', lines);
    }
}
