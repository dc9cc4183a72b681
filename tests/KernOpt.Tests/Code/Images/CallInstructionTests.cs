using Iced.Intel;
using KernOpt.Code.Images;
using KernOpt.Tests.Binary;
using Xunit;

namespace KernOpt.Tests.Code.Images;

/// <summary>What ends where a call returns to.</summary>
public sealed class CallInstructionTests
{
    /// <summary>Each call of a real library, as another decoder reads it; and little of what is none.</summary>
    [Fact]
    public void CallsOfALibrary_AreSeen()
    {
        var image = RealBinaries.Read("/lib/x86_64-linux-gnu/libc.so.6");
        var text = image.SectionNamed(".text")!;
        var bytes = image.BytesAt(text.Range.Start, text.Range.Length);
        var decoder = Decoder.Create(64, new ByteArrayCodeReader(bytes.ToArray()), text.Range.Start.Value);
        int calls = 0, others = 0, mistaken = 0;
        while (decoder.IP < text.Range.End.Value)
        {
            var instruction = decoder.Decode();
            var end = (int)(decoder.IP - text.Range.Start.Value);
            if (instruction.IsInvalid || end < CallInstruction.MostBytes) continue;
            var mayEnd = CallInstruction.MayEnd(bytes.Span[(end - CallInstruction.MostBytes)..end]);
            if (instruction.Mnemonic == Mnemonic.Call)
            {
                calls++;
                Assert.True(mayEnd, $"{instruction} at {instruction.IP:x}");
            }
            else
            {
                others++;
                if (mayEnd) mistaken++;
            }
        }
        Assert.True(calls > 5000 && mistaken < others / 50, $"{calls} calls, {mistaken} of {others} others");
    }

    [Theory]
    [InlineData("ffd0", true)]
    [InlineData("41ff5424 08", true)]
    [InlineData("ff14c500000000", true)]
    [InlineData("ff1500000000", true)]
    [InlineData("ffe0", false)]
    [InlineData("ff2500000000", false)]
    [InlineData("9090909090", false)]
    [InlineData("", false)]
    public void Calls_AreToldFromJumps(string code, bool isCall) => Assert.Equal(isCall, CallInstruction.MayEnd(Convert.FromHexString(code.Replace(" ", "", StringComparison.Ordinal))));
}
