using KernOpt.Code.Bodies;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Code.Bodies;

/// <summary>An encoded body that can be called.</summary>
internal sealed class CopiedCode : IDisposable
{
    private readonly ExecutableMemory memory;

    public CopiedCode(FunctionBody body)
    {
        var bound = CodeLayout.UpperBound(body).Value;
        memory = new ExecutableMemory(body.Function.Start, bound);
        Code = CodeLayout.Encode(body, memory.At).Value;
        Assert.True(Code.Bytes.Length <= bound, $"{Code.Bytes.Length} bytes, at most {bound} were announced");
        memory.Fill(Code.Bytes);
    }

    public EncodedCode Code { get; }
    public Address Entry => Code.Entries[0];

    public void Dispose() => memory.Dispose();
}
