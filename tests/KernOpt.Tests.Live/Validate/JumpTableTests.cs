using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Linux;
using KernOpt.Target;
using KernOpt.Tests.Live.Linux;
using KernOpt.Validate;
using Xunit;

namespace KernOpt.Tests.Live.Validate;

/// <summary>
/// A version's own jump table has other addresses than the original's, which registers may show at a call: that is no difference. A table that leads
/// elsewhere is one.
/// </summary>
public sealed class JumpTableTests : IDisposable
{
    private readonly NativeProgram program = NativeProgram.Start("switch.c");
    private readonly ProcessTarget target;
    private readonly ValidationRequest request;

    public JumpTableTests()
    {
        program.ReadLine();
        target = ProcessTarget.Attach(program.Pid).Value;
        var image = ProgramImage.Read(target).Value;
        var graph = FunctionParser.Parse(image.Find("choose").Value, image).Value;
        var site = graph.Entry.Start;
        var body = BodyBuilder.Copy(graph, site, withFullEntry: false).Value;
        var code = CodeLayout.Encode(body, graph.Function.Module.Location.Range.Start - 0x100_0000).Value;
        request = new ValidationRequest(OriginalCode.Of(graph, site), new VersionCode(code, code.Entries[0])) { Read = target.Read, Map = image.Map };
    }

    [Fact]
    public void A_copy_with_a_table_of_its_own_is_found_equal()
    {
        Assert.Single(request.Version.Code.Tables);
        var report = VersionValidator.Validate(request);
        Assert.True(report.IsDone, report.ToString());
        Assert.Empty(report.Value.Coverage.VersionNotReached);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(0, 6)]
    [InlineData(2, 3)]
    [InlineData(4, 5)]
    public void Two_entries_that_are_swapped_are_caught(int one, int other) => AssertCaught((table, original) =>
    {
        original[one].CopyTo(table.AsSpan(other * 4));
        original[other].CopyTo(table.AsSpan(one * 4));
    });

    [Theory]
    [InlineData(0, 1)]
    [InlineData(2, 3)]
    [InlineData(3, 2)]
    [InlineData(6, 0)]
    public void An_entry_that_leads_to_another_case_is_caught(int entry, int wrong) => AssertCaught((table, original) => original[wrong].CopyTo(table.AsSpan(entry * 4)));

    public void Dispose()
    {
        target.Dispose();
        program.Dispose();
    }

    private void AssertCaught(Action<byte[], byte[][]> spoil)
    {
        var code = request.Version.Code;
        var (original, at) = code.Tables.Single();
        Assert.Equal((JumpTableKind.RelativeToTable, 7), (original.Kind, original.Targets.Length));
        var offset = (int)(at - code.At);
        var table = code.Bytes[offset..(offset + 28)];
        spoil(table, [.. table.Chunk(4)]);
        byte[] bytes = [.. code.Bytes[..offset], .. table, .. code.Bytes[(offset + 28)..]];
        var outcome = VersionValidator.Validate(request with { Version = request.Version with { Code = code with { Bytes = bytes } } });
        Assert.False(outcome.IsDone, "the wrong table was not seen");
        Assert.Equal(Reasons.VersionDiffers, outcome.Refusal.Reason);
    }
}
