using KernOpt.Live.Text;
using KernOpt.Target;
using KernOpt.Tests.Live.Linux;
using Xunit;

namespace KernOpt.Tests.Live.Live;

/// <summary>kill -9 at random instants; everything afterwards is done by a process that knows nothing of the killed one.</summary>
public sealed class KilledTests
{
    [Fact]
    public void WriterKilledAtRandomInstants_TargetGoesOn_AndAFreshRunRestoresEverything()
    {
        using var program = NativeProgram.Start("hammer.c");
        program.ReadLine();
        var random = new Random(7);
        for (var round = 0; round < 8; round++)
        {
            using (var writer = Writer.Start(program.Pid, "mix", "sum", "tiny", "deep"))
            {
                Assert.Equal("ready", writer.StandardOutput.ReadLine());
                Thread.Sleep(random.Next(120));
                Assert.False(writer.HasExited, "the writer ended by itself");
                writer.Kill();
                writer.WaitForExit();
            }
            Assert.True(program.IsRunning);
        }
        using var subject = new Subject(program.Pid);
        Assert.True(subject.RevertAll().IsTextRestored);
        Assert.Empty(subject.TextDifferences);
        program.WriteLine("count");
        Assert.True(program.ReadFacts()["count"] > 0);
    }

    /// <summary>The planted bug: one byte of text that nobody logged.</summary>
    [Fact]
    public void TextCheck_SeesOneChangedByte()
    {
        using var program = NativeProgram.Start("hammer.c");
        program.ReadLine();
        using var subject = new Subject(program.Pid);
        Assert.Empty(subject.TextDifferences);
        var at = subject.Image.Find("main").Value.Start;
        var byteThere = new byte[1];
        subject.Target.Read(at, byteThere);
        Assert.True(subject.Target.StoreText(at, byteThere, [(byte)(byteThere[0] ^ 1)]).IsDone);
        var difference = Assert.Single(subject.TextDifferences);
        Assert.Equal(new AddressRange(at, 1), difference.Range);
    }
}
